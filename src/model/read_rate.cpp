#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "io/system_call.h"
#include "model/streaming_plan.h"

namespace armorm::model {
namespace {

constexpr std::size_t kBlock = std::size_t{4} << 20;
constexpr std::size_t kAlignment = 4096;
constexpr double kSeconds = 0.3;

// Past the system's cache, which a model larger than memory does not fit.
int open_uncached(const std::filesystem::path& path) {
  const int direct = io::retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT); });
  return direct >= 0 ? direct : io::retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
}

double rate_of(const std::filesystem::path& path) {
  const io::Descriptor file(open_uncached(path));
  const std::unique_ptr<void, decltype(&std::free)> block(std::aligned_alloc(kAlignment, kBlock), &std::free);
  if (file.get() < 0 || !block) return 0.0;
  const auto begin = std::chrono::steady_clock::now();
  double seconds = 0.0;
  std::int64_t total = 0;
  while (seconds < kSeconds) {
    const ssize_t count = io::retry([&] { return ::read(file.get(), block.get(), kBlock); });
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (count <= 0) break;
    total += count;
  }
  return static_cast<double>(total) / std::max(seconds, 1e-9);
}

}  // namespace

double measure_read_rate(const WeightsFolder& files) {
  std::filesystem::path largest;
  std::uintmax_t most = 0;
  for (const WeightsFolder::File& file : files.files()) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file.path, error);
    if (error || size <= most) continue;
    most = size;
    largest = file.path;
  }
  return most == 0 ? 0.0 : rate_of(largest);
}

}  // namespace armorm::model
