// One way to run tasks on several threads. The answer may depend on the number of tasks, never on that of
// threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#ifdef ESKER_OPENMP
#include <omp.h>
#endif

namespace esker {

// 0: as many as the run time says (OMP_NUM_THREADS, threadpoolctl); set for the calling thread by the
// binding.
inline thread_local int thread_limit = 0;

inline int threads() noexcept {
#ifdef ESKER_OPENMP
    return thread_limit > 0 ? thread_limit : std::max(1, omp_get_max_threads());
#else
    return thread_limit > 0 ? thread_limit : std::max(1u, std::thread::hardware_concurrency());
#endif
}

// f(task) for task = 0..tasks-1, in any order; the first exception is rethrown here.
template <class F>
void parallel_for(std::int64_t tasks, F&& f) {
    const int team = static_cast<int>(std::min<std::int64_t>(threads(), tasks));
    if (team <= 1) {
        for (std::int64_t task = 0; task < tasks; task++) f(task);
        return;
    }
    std::exception_ptr failure;
    std::mutex guard;
    std::atomic<std::int64_t> next{0};
    auto work = [&] {
        for (std::int64_t task; (task = next.fetch_add(1)) < tasks;) {
            try {
                f(task);
            } catch (...) {
                const std::lock_guard<std::mutex> lock(guard);
                if (!failure) failure = std::current_exception();
            }
        }
    };
#ifdef ESKER_OPENMP
#pragma omp parallel num_threads(team)
    work();
#else
    std::vector<std::thread> crew;
    for (int i = 1; i < team; i++) crew.emplace_back(work);
    work();
    for (std::thread& member : crew) member.join();
#endif
    if (failure) std::rethrow_exception(failure);
}

}  // namespace esker
