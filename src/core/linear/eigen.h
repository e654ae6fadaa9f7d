// The only door to Eigen. Its assertions throw instead of ending the process, and it starts
// no threads. Never include this in a kernel file: every SIMD target would compile it anew.
#pragma once
#include "core/base/error.h"

#ifdef EIGEN_CORE_H
#error "include Eigen through core/linear/eigen.h"
#endif
#define EIGEN_DONT_PARALLELIZE
#define eigen_assert(condition)                                                                          \
    do {                                                                                                 \
        if (!(condition)) throw ::vectorq::Error(::vectorq::ErrorKind::kInternal, "Eigen: " #condition); \
    } while (false)

#include <eigen3/Eigen/Cholesky>
#include <eigen3/Eigen/Core>
#include <eigen3/Eigen/Eigenvalues>
