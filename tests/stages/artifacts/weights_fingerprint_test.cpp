#include "stages/artifacts/weights_fingerprint.h"

#include <fstream>

#include "core/error.h"
#include "io/publish.h"
#include "io/safetensors.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kRows = 980, kWidth = 6000;  // several blocks of bytes, the last one shorter

std::string large_bytes() {
  std::string bytes(static_cast<std::size_t>(kRows * kWidth * 2), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>((i * 2654435761U) >> 24U & 0xffU);
  return bytes;
}

struct Tensor {
  io::TensorSpec spec;
  std::string bytes;
};

void write_file(const fs::path& path, const std::vector<Tensor>& tensors) {
  std::vector<io::TensorSpec> specs;
  for (const Tensor& tensor : tensors) specs.push_back(tensor.spec);
  io::SafetensorsWriter writer(path, specs, {{"format", "pt"}});
  for (const Tensor& tensor : tensors) writer.append(std::as_bytes(std::span(tensor.bytes)));
  writer.publish();
}

std::string fingerprint_of(const std::vector<Tensor>& tensors) {
  const TempDir dir;
  write_file(dir / "model.safetensors", tensors);
  return weights_fingerprint(dir.path());
}

Tensor small() { return {{"norm", DType::f32, {2}}, std::string("\0\0\x80\x3f\0\0\0\x40", 8)}; }
Tensor large() { return {{"embed", DType::bf16, {kRows, kWidth}}, large_bytes()}; }

}  // namespace

// The digests come from scripts/goldens/make_weights_fingerprint.py.
TEST_CASE("the fingerprint of weights is the SHA-256 tree that it says", "[golden]") {
  CHECK(fingerprint_of({small()}) == "35e630e7cebe247ef9942706644e76a7ef1005d396dac0ad6941a8fe59c744a3");
  CHECK(fingerprint_of({small(), large()}) ==
        "bd573d3d6cde184aa6f1c7631cc863b8f89530489eeb60079e6ec624a69d1ca8");
}

TEST_CASE("every byte of the weights, their names, types and shapes show in the fingerprint", "[unit]") {
  const std::string whole = fingerprint_of({large(), small()});
  for (const std::size_t at : {std::size_t{0}, std::size_t{4096}, std::size_t{5000}, std::size_t{1} << 23U,
                               large_bytes().size() - 1}) {
    INFO("byte " << at);
    Tensor changed = large();
    changed.bytes[at] ^= 1;
    CHECK(fingerprint_of({changed, small()}) != whole);
  }
  Tensor renamed = small(), reshaped = large(), retyped = large();
  renamed.spec.name = "norm2";
  reshaped.spec.shape = {kWidth, kRows};
  retyped.spec.dtype = DType::f16;
  CHECK(fingerprint_of({large(), renamed}) != whole);
  CHECK(fingerprint_of({reshaped, small()}) != whole);
  CHECK(fingerprint_of({retyped, small()}) != whole);
}

TEST_CASE("the same weights in other files and another folder have the same fingerprint", "[unit]") {
  const TempDir dir;
  write_file(dir / "a.safetensors", {large()});
  write_file(dir / "b.safetensors", {small()});
  io::publish_text(dir / "model.safetensors.index.json",
                   R"({"weight_map":{"embed":"a.safetensors","norm":"b.safetensors"}})");
  CHECK(weights_fingerprint(dir.path()) == fingerprint_of({small(), large()}));
  CHECK_FALSE(error_of([&] { weights_fingerprint(dir / "no"); }, ErrorKind::io).empty());
}
