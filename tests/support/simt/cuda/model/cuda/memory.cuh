// The host's model/cuda/memory.cuh: a misaligned access, or one out of bounds, is a Fault.
#pragma once

#include <cstring>

#include "support/simt/memory.h"

namespace armorm::model::cuda {

template <class T>
T read(const T* from, const test::simt::Site& site = test::simt::Site::current()) {
  test::simt::check_access(from, sizeof(T), /*writes=*/false, site);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void write(T* to, T value, const test::simt::Site& site = test::simt::Site::current()) {
  test::simt::check_access(to, sizeof(T), /*writes=*/true, site);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace armorm::model::cuda
