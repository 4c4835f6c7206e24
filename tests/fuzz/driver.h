// Shared by the fuzz targets. A target defines kMemoryBound and read_input(); the driver (driver.cpp)
// connects it to libFuzzer and checks what all readers promise: whatever the bytes, a result or an
// armorm::Error of kind io, data or usage, within the target's memory bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace armorm::fuzz {

// While an input of n bytes is read, at most constant + per_byte * n bytes are allocated at any time.
struct MemoryBound {
  std::size_t per_byte;
  std::size_t constant;
};

// Defined by each target.
extern const MemoryBound kMemoryBound;
void read_input(std::string_view input);

// A folder of this process below $TMPDIR, removed at the end.
const std::filesystem::path& scratch_folder();
// Creates or replaces a file in it, with its folders.
std::filesystem::path write_scratch(const std::string& name, std::string_view bytes);
// tests/goldens/<name>
std::filesystem::path golden(std::string_view name);

// Ends the process unless `holds`; libFuzzer reports that as a finding.
void require(bool holds, const char* what);

// Prevents results from being optimised away, and reads every byte of them.
void touch(std::string_view bytes);

}  // namespace armorm::fuzz
