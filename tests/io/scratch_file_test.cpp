// A file without a name, and what its errors say.
#include "io/scratch_file.h"

#include <sys/resource.h>

#include <csignal>

#include "support/error_of.h"
#include "support/test_support.h"

namespace armorm::io {
namespace {

using namespace test;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string read_text(const ScratchFile& file, std::size_t size, std::uint64_t offset) {
  std::string text(size, ' ');
  file.read(std::as_writable_bytes(std::span(text)), offset);
  return text;
}

}  // namespace

TEST_CASE("a scratch file keeps what is written to it, and has no name", "[unit]") {
  const TempDir folder;
  ScratchFile file(folder.path());
  file.write(bytes_of("hidden states"), 5000);
  file.write(bytes_of("first"), 0);
  CHECK(read_text(file, 13, 5000) == "hidden states");
  CHECK(read_text(file, 5, 0) == "first");
  file.write(bytes_of("HIDDEN"), 5000);
  CHECK(read_text(file, 13, 5000) == "HIDDEN states");
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("errors of a scratch file name its folder", "[unit]") {
  const TempDir folder;
  CHECK_THAT(error_of([&] { ScratchFile(folder / "absent"); }, ErrorKind::io),
             Catch::Contains((folder / "absent").string()) && Catch::Contains("cannot be created"));
  const ScratchFile file(folder.path());
  CHECK_THAT(error_of([&] { read_text(file, 1, 0); }, ErrorKind::io), Catch::Contains("ends too early"));
}

TEST_CASE("a full disk is an error with the bytes that were wanted", "[unit]") {
  const TempDir folder;
  ScratchFile file(folder.path());
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto on_signal = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message =
      error_of([&] { file.write(bytes_of(std::string(2500, 'x')), 500); }, ErrorKind::io);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, on_signal);
  CHECK_THAT(message, Catch::Contains("3.0 kB cannot be written") && Catch::Contains(folder.path().string()));
}

}  // namespace armorm::io
