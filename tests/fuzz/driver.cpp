// Stands in for libFuzzer where there is no clang: runs every file of the named folders, then mutations of
// them that depend on the seed alone. `TARGET [-runs=N] [-seed=N] [-dict=FILE] [-max_len=N] FOLDER...`, as
// libFuzzer takes them.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.hpp"

namespace {

using Bytes = std::string;

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::size_t below(std::size_t n) {  // splitmix64
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return static_cast<std::size_t>((z ^ (z >> 31)) % n);
    }

private:
    std::uint64_t state_;
};

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The words between the first and the last quote of each line; \xNN, \\ and \" are understood.
std::vector<Bytes> dictionary(const std::string& path) {
    std::vector<Bytes> words;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t begin = line.find('"'), end = line.rfind('"');
        if (line.empty() || line[0] == '#' || begin == end) continue;
        Bytes word;
        for (std::size_t i = begin + 1; i < end; i++) {
            if (line[i] == '\\' && line[i + 1] == 'x') {
                word += static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16));
                i += 3;
            } else {
                i += line[i] == '\\';
                word += line[i];
            }
        }
        words.push_back(word);
    }
    return words;
}

Bytes mutated(Bytes text, const std::vector<Bytes>& corpus, const std::vector<Bytes>& words, Random& random) {
    for (std::size_t changes = 1 + random.below(6); changes > 0; changes--) {
        const std::size_t at = random.below(text.size() + 1);
        const std::size_t length = std::min(random.below(12), text.size() - at);
        switch (random.below(7)) {
            case 0:
                if (at < text.size()) text[at] ^= static_cast<char>(1u << random.below(8));
                break;
            case 1:
                if (at < text.size()) text[at] = static_cast<char>(random.below(256));
                break;
            case 2:
                text.insert(at, 1, static_cast<char>(random.below(256)));
                break;
            case 3:
                text.erase(at, length);
                break;
            case 4:
                text.insert(random.below(text.size() + 1), text.substr(at, length));
                break;
            case 5:
                if (!words.empty()) text.insert(at, words[random.below(words.size())]);
                break;
            default: {  // from here on another input
                const Bytes& other = corpus[random.below(corpus.size())];
                text = text.substr(0, at) + other.substr(random.below(other.size() + 1));
            }
        }
    }
    return text;
}

void run(const Bytes& text) {
    const std::vector<std::uint8_t> exact(text.begin(), text.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Bytes now;  // what runs, to be written where it fails

}  // namespace

int main(int argc, char** argv) {
    std::size_t runs = 100'000, seed = 1, longest = 4096;
    std::vector<Bytes> corpus, words;
    for (int i = 1; i < argc; i++) {
        const std::string argument = argv[i];
        const std::string value = argument.substr(std::min(argument.find('=') + 1, argument.size()));
        if (argument.starts_with("-runs="))
            runs = std::stoull(value);
        else if (argument.starts_with("-seed="))
            seed = std::stoull(value);
        else if (argument.starts_with("-max_len="))
            longest = std::stoull(value);
        else if (argument.starts_with("-dict="))
            words = dictionary(value);
        else if (argument.starts_with("-"))
            continue;
        else {
            std::vector<std::filesystem::path> paths;
            for (const auto& entry : std::filesystem::directory_iterator(argument))
                paths.push_back(entry.path());
            std::sort(paths.begin(), paths.end());
            for (const auto& path : paths) corpus.push_back(read(path));
        }
    }
    if (corpus.empty()) corpus.emplace_back();
    std::signal(SIGABRT, [](int) {
        std::ofstream("crash-input", std::ios::binary) << now;
        std::fprintf(stderr, "the input is in ./crash-input\n");
    });
    for (const Bytes& text : corpus) run(now = text);
    Random random(seed);
    for (std::size_t i = corpus.size(); i < runs; i++) {
        now = mutated(corpus[random.below(corpus.size())], corpus, words, random).substr(0, longest);
        run(now);
    }
    std::printf("done %zu runs of %zu inputs and their mutations\n", std::max(runs, corpus.size()),
                corpus.size());
}
