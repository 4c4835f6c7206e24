// Where a stage writes its results: standard output, flushed with every write, or a named file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/output_file.h"

namespace armorm::stages {

class LineOutput {
 public:
  // "-" = standard output
  LineOutput(const std::string& path, io::FileSystem& files);
  void write(std::string_view text);
  void finish();  // publishes a file

 private:
  std::optional<io::OutputFile> file_;
};

}  // namespace armorm::stages
