// Payloads of pages for tests of page edits. What runs out of one is noticed: by the address sanitizer, else, if it is
// written, by guard bytes on both sides.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "core/page/layout.h"

namespace vectorq {

inline constexpr uint32_t kBlockSizes[] = {1024, 2048, 4096, 8192, 16384, 32768};
static_assert(kBlockSizes[0] == kLeastPageBytes && kBlockSizes[5] == kMostPageBytes);

#ifdef __SANITIZE_ADDRESS__
inline constexpr size_t kGuard = 0;
#else
inline constexpr size_t kGuard = 64;
#endif

class PageBytes {
public:
    PageBytes(uint32_t pages, uint32_t page_bytes) : bytes_(PayloadBytes(page_bytes)) {
        for (uint32_t i = 0; i < pages; i++) {
            pages_.emplace_back(new char[bytes_ + 2 * kGuard]);
            std::memset(pages_.back().get(), 0x5A, bytes_ + 2 * kGuard);
            std::memset(payload(i), 0, bytes_);
        }
    }
    char* payload(uint32_t i = 0) { return pages_[i].get() + kGuard; }
    uint32_t bytes() const { return bytes_; }
    bool GuardsHold() const {
        for (const auto& page : pages_)
            for (size_t i = 0; i < kGuard; i++)
                if (page[i] != 0x5A || page[kGuard + bytes_ + i] != 0x5A) return false;
        return true;
    }

private:
    uint32_t bytes_;
    std::vector<std::unique_ptr<char[]>> pages_;
};

}  // namespace vectorq
