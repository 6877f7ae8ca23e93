// Philox4x32-10 (base/philox.hpp) for many keys at once: which of them draw less than `below`.
inline std::uint32_t first_word(std::uint64_t key, std::uint32_t stream, std::uint64_t seed) {
    std::uint32_t c0 = static_cast<std::uint32_t>(key), c1 = static_cast<std::uint32_t>(key >> 32);
    std::uint32_t c2 = stream, c3 = 0;
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const std::uint64_t a = std::uint64_t{0xD2511F53u} * c0, b = std::uint64_t{0xCD9E8D57u} * c2;
        c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0, c1 = static_cast<std::uint32_t>(b);
        c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1, c3 = static_cast<std::uint32_t>(a);
    }
    return c0;
}

inline void drawn_below(bool* __restrict out, const std::int64_t* __restrict keys, std::int64_t n,
                        std::uint64_t seed, std::uint32_t stream, std::uint64_t below) {
    std::int64_t i = 0;
#ifdef __AVX2__
    const auto all = [](std::uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); };
    const __m256i limit = all(below), low = all(0xffffffffu);
    for (; i + 4 <= n; i += 4) {
        // Products see the lower halves only; what the upper ones hold does not matter until the end.
        __m256i c0 = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys + i));
        __m256i c1 = _mm256_srli_epi64(c0, 32), c2 = all(stream), c3 = all(0);
        std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
            const __m256i a = _mm256_mul_epu32(c0, all(0xD2511F53u));
            const __m256i b = _mm256_mul_epu32(c2, all(0xCD9E8D57u));
            c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), c1), all(k0)), c1 = b;
            c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), c3), all(k1)), c3 = a;
        }
        const __m256i less = _mm256_cmpgt_epi64(limit, _mm256_and_si256(c0, low));
        const auto bits = static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(less)));
        const std::uint32_t bytes = (bits * 0x204081u) & 0x01010101u;
        __builtin_memcpy(out + i, &bytes, 4);
    }
#endif
    for (; i < n; i++) out[i] = first_word(static_cast<std::uint64_t>(keys[i]), stream, seed) < below;
}
