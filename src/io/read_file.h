// Reads small files as text.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace armorm::io {

// The complete file; io error when missing or no regular file, data error above `limit` bytes.
std::string read_text_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

}  // namespace armorm::io
