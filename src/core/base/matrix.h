// A dense row-major matrix of float with 64-byte aligned storage. Owns its memory
// (plain new: may throw std::bad_alloc). Rows are contiguous: stride == cols.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace vectorq {

// Owning array of trivially copyable T, 64-byte aligned, not initialised.
template <class T>
class AlignedArray {
public:
    AlignedArray() = default;
    explicit AlignedArray(size_t size) { Resize(size); }

    // Drops the old contents.
    void Resize(size_t size) {
        data_.reset();
        size_ = 0;
        if (size == 0) return;
        const size_t bytes = (size * sizeof(T) + 63) / 64 * 64;
        void* memory = std::aligned_alloc(64, bytes);
        if (memory == nullptr) throw std::bad_alloc();
        data_.reset(static_cast<T*>(memory));
        size_ = size;
    }
    void Fill(const T& value) {
        for (size_t i = 0; i < size_; i++) data_.get()[i] = value;
    }
    T* data() noexcept { return data_.get(); }
    const T* data() const noexcept { return data_.get(); }
    size_t size() const noexcept { return size_; }
    T& operator[](size_t i) noexcept { return data_.get()[i]; }
    const T& operator[](size_t i) const noexcept { return data_.get()[i]; }

private:
    struct Free {
        void operator()(T* p) const noexcept { std::free(p); }
    };
    std::unique_ptr<T, Free> data_;
    size_t size_ = 0;
};

class Matrix {
public:
    Matrix() = default;
    Matrix(size_t rows, size_t cols) : rows_(rows), cols_(cols), data_(rows * cols) {}
    size_t rows() const noexcept { return rows_; }
    size_t cols() const noexcept { return cols_; }
    float* row(size_t i) noexcept { return data_.data() + i * cols_; }
    const float* row(size_t i) const noexcept { return data_.data() + i * cols_; }
    float* data() noexcept { return data_.data(); }
    const float* data() const noexcept { return data_.data(); }
    // Forgets the rows from `rows` on; the storage stays as it is.
    void TruncateRows(size_t rows) noexcept {
        if (rows < rows_) rows_ = rows;
    }

private:
    size_t rows_ = 0, cols_ = 0;
    AlignedArray<float> data_;
};

// `count` rows, evenly from all.
inline Matrix EvenRows(const Matrix& rows, size_t count) {
    Matrix part(count, rows.cols());
    for (size_t i = 0; i < count; i++)
        std::memcpy(part.row(i), rows.row(i * rows.rows() / count), rows.cols() * sizeof(float));
    return part;
}

}  // namespace vectorq
