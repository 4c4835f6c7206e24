#include "stages/line_output.h"

#include <iostream>

#include "core/error.h"

namespace armorm::stages {

LineOutput::LineOutput(const std::string& path, io::FileSystem& files) {
  if (path != "-") file_.emplace(path, files);
}

void LineOutput::write(std::string_view text) {
  if (file_) return file_->write(text);
  std::cout.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
  if (!std::cout) fail_io("standard output: write failed; check what it is connected to");
}

void LineOutput::finish() {
  if (file_) file_->publish();
}

}  // namespace armorm::stages
