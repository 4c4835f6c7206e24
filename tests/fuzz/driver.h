// What the fuzz targets share. A target defines kMemoryBound and read_input(); the driver (driver.cpp) gives
// it to libFuzzer and holds it to what all readers promise: whatever the bytes, a result or an armorm::Error
// of kind io, data or usage, within the target's bound of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace armorm::fuzz {

// Of the bytes that are allocated at any time while an input of n bytes is read, at most constant + per_byte
// * n.
struct MemoryBound {
  std::size_t per_byte;
  std::size_t constant;
};

// Defined by each target.
extern const MemoryBound kMemoryBound;
void read_input(std::string_view input);

// A folder of this process's own below $TMPDIR, removed at the end.
const std::filesystem::path& scratch_folder();
// Replaces or makes a file in it, with its folders.
std::filesystem::path write_scratch(const std::string& name, std::string_view bytes);
// tests/goldens/<name>
std::filesystem::path golden(std::string_view name);

// Ends the process, which libFuzzer reports as a finding, unless `holds`.
void require(bool holds, const char* what);

// Keeps results from being optimised away, and reads every byte of them.
void touch(std::string_view bytes);

}  // namespace armorm::fuzz
