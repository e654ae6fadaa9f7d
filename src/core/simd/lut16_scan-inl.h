// Inner loops of lut16_scan.cpp: the sums of one block. Included once per SIMD target, after
// hwy/highway.h.
//
// A vector holds the 16 bytes of one subspace in each of its 128-bit lanes (two with AVX2, four with
// AVX-512), and the shuffle looks up each lane in its own table. Lookups are bytes; they are added as
// 16-bit numbers without unpacking (FAISS): `all` sums even + 256 * odd bytes modulo 65536, `odd` the
// odd bytes alone, so that even = all - 256 * odd, exact while the true sums fit 16 bits.
//
// AVX3_DL has a shuffle of 64 bytes and a dot product of four bytes, which together do better: the
// codes of 4 subspaces are brought side by side for each row, looked up in one table of 4 * 16 bytes
// and added up as four neighbours: 8 instructions for 128 lookups instead of 11.
#if defined(VECTORQ_CORE_SIMD_LUT16_SCAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VECTORQ_CORE_SIMD_LUT16_SCAN_INL_H_
#undef VECTORQ_CORE_SIMD_LUT16_SCAN_INL_H_
#else
#define VECTORQ_CORE_SIMD_LUT16_SCAN_INL_H_
#endif

#include "core/simd/load-inl.h"

#undef VECTORQ_LUT16_VBMI
#if HWY_ARCH_X86 && HWY_TARGET == HWY_AVX3_DL
#define VECTORQ_LUT16_VBMI 1
#else
#define VECTORQ_LUT16_VBMI 0
#endif

HWY_BEFORE_NAMESPACE();
namespace vectorq {
namespace HWY_NAMESPACE {

// A type with: static void Blocks(lut, blocks, block_bytes, bytes, sums), the sums of kBlocks blocks
// `block_bytes` apart over their first `bytes` bytes (a multiple of 32) into sums[kBlocks * 32].
// And: static void Tables(luts, lut_from, block, bytes, sums, stride), the sums of one block with kTables tables, each
// from its byte lut_from on, into sums[t * stride ..].

#if VECTORQ_LUT16_VBMI

struct Lut16Kernel {
    static constexpr size_t kBlocks = 2;  // four chains of dot products, whose latency is 5 cycles

    // index = nibble + 16 * (subspace within the four)
    static HWY_INLINE __m512i Index(__m512i nibbles) {
        const __m512i low = _mm512_set1_epi8(0x0F), subspace = _mm512_set1_epi32(0x30201000);
        return _mm512_ternarylogic_epi32(nibbles, low, subspace, 0xEA);  // (a & b) | c
    }
    // sum + the four neighbours. As assembly because Highway 1.0.3 asks the compiler for avxvnni (the
    // 256-bit form) where its check of the processor is for avx512vnni. That check names VBMI2 and may
    // leave out VBMI, which all processors with VBMI2 have.
    static HWY_INLINE void AddFours(__m512i& sum, __m512i bytes, __m512i ones) {
        asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(ones));
    }
    // Byte 4 * r + g of the permuted codes is byte 16 * g + r: of row r (and r + 16), subspace g.
    static HWY_INLINE __m512i Transpose() {
        return _mm512_set_epi32(0x3F2F1F0F, 0x3E2E1E0E, 0x3D2D1D0D, 0x3C2C1C0C, 0x3B2B1B0B, 0x3A2A1A0A, 0x39291909,
                                0x38281808, 0x37271707, 0x36261606, 0x35251505, 0x34241404, 0x33231303, 0x32221202,
                                0x31211101, 0x30201000);
    }
    static HWY_INLINE void Step(__m512i codes, __m512i table, __m512i& sum_low, __m512i& sum_high) {
        const __m512i ones = _mm512_set1_epi8(1);
        const __m512i by_row = _mm512_permutexvar_epi8(Transpose(), codes);
        const __m512i low = _mm512_permutexvar_epi8(Index(by_row), table);
        const __m512i high = _mm512_permutexvar_epi8(Index(_mm512_srli_epi16(by_row, 4)), table);
        AddFours(sum_low, low, ones);
        AddFours(sum_high, high, ones);
    }
    static HWY_INLINE void Store(__m512i low, __m512i high, uint16_t* sums) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm512_cvtepi32_epi16(low));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + 16), _mm512_cvtepi32_epi16(high));
    }
    template <size_t kCount>
    static HWY_INLINE void Blocks(const uint8_t* HWY_RESTRICT lut, const uint8_t* HWY_RESTRICT blocks,
                                  size_t block_bytes, size_t bytes, uint16_t* HWY_RESTRICT sums) {
        const uint8_t* HWY_RESTRICT second = blocks + (kCount - 1) * block_bytes;
        __m512i low0 = _mm512_setzero_si512(), high0 = low0, low1 = low0, high1 = low0;
        size_t i = 0;
        for (; i + 64 <= bytes; i += 64) {
            const __m512i table = _mm512_loadu_si512(lut + i);
            Step(_mm512_loadu_si512(blocks + i), table, low0, high0);
            if constexpr (kCount == 2) Step(_mm512_loadu_si512(second + i), table, low1, high1);
        }
        if (i < bytes) {  // two subspaces are left; the other two have codes and tables of zeros
            const __m512i table = _mm512_maskz_loadu_epi64(0x0F, lut + i);
            Step(_mm512_maskz_loadu_epi64(0x0F, blocks + i), table, low0, high0);
            if constexpr (kCount == 2) Step(_mm512_maskz_loadu_epi64(0x0F, second + i), table, low1, high1);
        }
        Store(low0, high0, sums);
        if constexpr (kCount == 2) Store(low1, high1, sums + 32);
    }

    static constexpr size_t kTables = 4;  // eight chains of dot products; what a code's nibbles cost is shared

    template <size_t kCount>
    static HWY_INLINE void TablesStep(__m512i codes, const __m512i* tables, __m512i* low_sums, __m512i* high_sums) {
        const __m512i ones = _mm512_set1_epi8(1);
        const __m512i by_row = _mm512_permutexvar_epi8(Transpose(), codes);
        const __m512i low = Index(by_row), high = Index(_mm512_srli_epi16(by_row, 4));
        for (size_t t = 0; t < kCount; t++) {
            AddFours(low_sums[t], _mm512_permutexvar_epi8(low, tables[t]), ones);
            AddFours(high_sums[t], _mm512_permutexvar_epi8(high, tables[t]), ones);
        }
    }
    template <size_t kCount>
    static HWY_INLINE void Tables(const uint8_t* const* luts, size_t lut_from, const uint8_t* HWY_RESTRICT block,
                                  size_t bytes, uint16_t* HWY_RESTRICT sums, size_t stride) {
        __m512i low[kCount], high[kCount], tables[kCount];
        for (size_t t = 0; t < kCount; t++) low[t] = high[t] = _mm512_setzero_si512();
        size_t i = 0;
        for (; i + 64 <= bytes; i += 64) {
            for (size_t t = 0; t < kCount; t++) tables[t] = _mm512_loadu_si512(luts[t] + lut_from + i);
            TablesStep<kCount>(_mm512_loadu_si512(block + i), tables, low, high);
        }
        if (i < bytes) {
            for (size_t t = 0; t < kCount; t++) tables[t] = _mm512_maskz_loadu_epi64(0x0F, luts[t] + lut_from + i);
            TablesStep<kCount>(_mm512_maskz_loadu_epi64(0x0F, block + i), tables, low, high);
        }
        for (size_t t = 0; t < kCount; t++) Store(low[t], high[t], sums + t * stride);
    }
};

#elif HWY_TARGET == HWY_SCALAR

struct Lut16Kernel {
    static constexpr size_t kBlocks = 1;
    template <size_t kCount>
    static void Blocks(const uint8_t* lut, const uint8_t* blocks, size_t, size_t bytes, uint16_t* sums) {
        for (size_t row = 0; row < 32; row++) sums[row] = 0;
        for (size_t i = 0; i < bytes; i++) {
            const uint8_t* table = lut + i / 16 * 16;
            sums[i % 16] = uint16_t(sums[i % 16] + table[blocks[i] & 15]);
            sums[i % 16 + 16] = uint16_t(sums[i % 16 + 16] + table[blocks[i] >> 4]);
        }
    }

    static constexpr size_t kTables = 1;
    template <size_t kCount>
    static void Tables(const uint8_t* const* luts, size_t lut_from, const uint8_t* block, size_t bytes, uint16_t* sums,
                       size_t) {
        Blocks<1>(luts[0] + lut_from, block, bytes, bytes, sums);
    }
};

#else

struct Lut16Kernel {
    // One block: sharing the tables between two would need more registers than AVX2 has.
    static constexpr size_t kBlocks = 1;
    using D8 = hn::CappedTag<uint8_t, 64>;
    using D16 = hn::Repartition<uint16_t, D8>;
    using V8 = hn::Vec<D8>;
    using V16 = hn::Vec<D16>;

    static HWY_INLINE V8 LowNibbles(V8 codes) { return hn::And(codes, hn::Set(D8(), uint8_t(0x0F))); }
    static HWY_INLINE V8 HighNibbles(V8 codes) {
        const V8 shifted = hn::BitCast(D8(), hn::ShiftRight<4>(hn::BitCast(D16(), codes)));
        return hn::And(shifted, hn::Set(D8(), uint8_t(0x0F)));
    }
    static HWY_INLINE void Step(V8 codes, V8 table, V16& low_all, V16& low_odd, V16& high_all, V16& high_odd) {
        Add(LowNibbles(codes), HighNibbles(codes), table, low_all, low_odd, high_all, high_odd);
    }
    static HWY_INLINE void Add(V8 low_nibbles, V8 high_nibbles, V8 table, V16& low_all, V16& low_odd, V16& high_all,
                               V16& high_odd) {
        const D16 d16;
        const V16 low = hn::BitCast(d16, hn::TableLookupBytes(table, low_nibbles));
        const V16 high = hn::BitCast(d16, hn::TableLookupBytes(table, high_nibbles));
        low_all = hn::Add(low_all, low);
        low_odd = hn::Add(low_odd, hn::ShiftRight<8>(low));
        high_all = hn::Add(high_all, high);
        high_odd = hn::Add(high_odd, hn::ShiftRight<8>(high));
    }

    // Rows 0..15 are even[0], odd[0], even[1], ... in each 128-bit lane; the lanes add up.
#if HWY_HAVE_SCALABLE
    static HWY_INLINE void Store(V16 all, V16 odd, uint16_t* HWY_RESTRICT sums) {
        const D16 d16;
        HWY_ALIGN uint16_t e[hn::MaxLanes(D16())];
        HWY_ALIGN uint16_t o[hn::MaxLanes(D16())];
        hn::Store(hn::Sub(all, hn::ShiftLeft<8>(odd)), d16, e);
        hn::Store(odd, d16, o);
        for (size_t i = 0; i < 16; i++) {
            uint16_t sum = 0;
            for (size_t lane = i / 2; lane < hn::Lanes(d16); lane += 8)
                sum = uint16_t(sum + (i % 2 == 0 ? e : o)[lane]);
            sums[i] = sum;
        }
    }
#else
    template <class D>
    static HWY_INLINE void StoreFolded(D d, hn::Vec<D> all, hn::Vec<D> odd, uint16_t* HWY_RESTRICT sums) {
        if constexpr (hn::MaxLanes(D()) == 8) {
            const hn::Vec<D> even = hn::Sub(all, hn::ShiftLeft<8>(odd));
            hn::StoreU(hn::InterleaveLower(d, even, odd), d, sums);
            hn::StoreU(hn::InterleaveUpper(d, even, odd), d, sums + 8);
        } else {
            const hn::Half<D> dh;
            StoreFolded(dh, hn::Add(hn::LowerHalf(dh, all), hn::UpperHalf(dh, all)),
                        hn::Add(hn::LowerHalf(dh, odd), hn::UpperHalf(dh, odd)), sums);
        }
    }
    static HWY_INLINE void Store(V16 all, V16 odd, uint16_t* HWY_RESTRICT sums) { StoreFolded(D16(), all, odd, sums); }
#endif

    template <size_t kCount>
    static HWY_INLINE void Blocks(const uint8_t* HWY_RESTRICT lut, const uint8_t* HWY_RESTRICT blocks, size_t,
                                  size_t bytes, uint16_t* HWY_RESTRICT sums) {
        const D8 d8;
        const D16 d16;
        const size_t N = hn::Lanes(d8);
        V16 low_all = hn::Zero(d16), low_odd = low_all, high_all = low_all, high_odd = low_all;
        size_t i = 0;
        for (; i + N <= bytes; i += N) {
            Step(hn::LoadU(d8, blocks + i), hn::LoadU(d8, lut + i), low_all, low_odd, high_all, high_odd);
        }
        if (i < bytes) {  // fewer subspaces than lanes: code 0 in a table of zeros for the others
            Step(LoadFirst(d8, blocks + i, bytes - i), LoadFirst(d8, lut + i, bytes - i), low_all, low_odd, high_all,
                 high_odd);
        }
        Store(low_all, low_odd, sums);
        Store(high_all, high_odd, sums + 16);
    }

    static constexpr size_t kTables = 2;  // eight sums, two vectors of nibbles and a table: AVX2 has 16 registers
    template <size_t kCount>
    static HWY_INLINE void Tables(const uint8_t* const* luts, size_t lut_from, const uint8_t* HWY_RESTRICT block,
                                  size_t bytes, uint16_t* HWY_RESTRICT sums, size_t stride) {
        const D8 d8;
        const D16 d16;
        const size_t N = hn::Lanes(d8);
        const uint8_t* HWY_RESTRICT first = luts[0] + lut_from;
        const uint8_t* HWY_RESTRICT second = luts[kCount - 1] + lut_from;
        V16 a0 = hn::Zero(d16), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        for (size_t i = 0; i < bytes; i += N) {
            const bool whole = i + N <= bytes;
            const V8 codes = whole ? hn::LoadU(d8, block + i) : LoadFirst(d8, block + i, bytes - i);
            const V8 low = LowNibbles(codes), high = HighNibbles(codes);
            Add(low, high, whole ? hn::LoadU(d8, first + i) : LoadFirst(d8, first + i, bytes - i), a0, a1, a2, a3);
            if constexpr (kCount == 2)
                Add(low, high, whole ? hn::LoadU(d8, second + i) : LoadFirst(d8, second + i, bytes - i), b0, b1, b2,
                    b3);
        }
        Store(a0, a1, sums);
        Store(a2, a3, sums + 16);
        if constexpr (kCount == 2) {
            Store(b0, b1, sums + stride);
            Store(b2, b3, sums + stride + 16);
        }
    }
};

#endif

}  // namespace HWY_NAMESPACE
}  // namespace vectorq
HWY_AFTER_NAMESPACE();
#endif
