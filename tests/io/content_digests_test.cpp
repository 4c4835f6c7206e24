#include "io/content_digests.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/stop_point.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::io;
using armorm::test::error_of;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

const std::vector<float> kLabels{1.0F, -2.0F, 0.5F};
const std::vector<std::uint8_t> kFlags{7, 8};

std::vector<TensorContent> contents() {
  return {{{"labels", DType::f32, {3, 1}}, std::as_bytes(std::span(kLabels))},
          {{"flags", DType::u8, {2}}, std::as_bytes(std::span(kFlags))}};
}

Metadata sealed() {
  Metadata metadata{{"model", "m"}, {"data", "d"}};
  add_content_digests(metadata, contents());
  return metadata;
}

void write(const fs::path& path, const Metadata& metadata, const std::vector<TensorContent>& tensors) {
  std::vector<TensorSpec> specs;
  for (const TensorContent& tensor : tensors) specs.push_back(tensor.spec);
  SafetensorsWriter writer(path, specs, metadata);
  for (const TensorContent& tensor : tensors) writer.append(tensor.bytes);
  writer.publish();
}

std::string refusal(const Metadata& metadata, const std::vector<TensorContent>& tensors) {
  const test::TempDir dir;
  write(dir / "x.safetensors", metadata, tensors);
  const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
  const std::string error = error_of([&] { verify_content(file); }, ErrorKind::data);
  CHECK_THAT(error, Contains("x.safetensors"));
  return error;
}

}  // namespace

// From Python: hashlib.sha256(struct.pack("<3f", 1, -2, 0.5)), hashlib.sha256(bytes([7, 8])).
TEST_CASE("a tensor's digest is the SHA-256 of its bytes", "[unit]") {
  CHECK(nlohmann::json::parse(sealed().at("tensor_sha256")) ==
        nlohmann::json{{"labels", "2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422"},
                       {"flags", "bd7c250566c6e99f47c174b589b7551f8b0e930ed056511d1e8f653bc71d3c4a"}});
}

TEST_CASE("a file with the content that was digested is verified, in any order of its tensors", "[unit]") {
  for (const bool reversed : {false, true}) {
    std::vector<TensorContent> tensors = contents();
    if (reversed) std::swap(tensors[0], tensors[1]);
    const test::TempDir dir;
    write(dir / "x.safetensors", sealed(), tensors);
    CHECK_NOTHROW(verify_content(SafetensorsFile::open(dir / "x.safetensors")));
  }
}

TEST_CASE("what was changed after the digests were made is named", "[unit]") {
  const std::string header = "header or metadata was changed";
  CHECK_THAT(refusal({{"model", "m"}}, contents()), Contains("no digests"));

  std::vector<TensorContent> tensors = contents();
  const std::vector<float> other{1.0F, -2.0F, 0.25F};
  tensors[0].bytes = std::as_bytes(std::span(other));
  CHECK_THAT(refusal(sealed(), tensors), Contains("tensor \"labels\" was changed"));

  tensors = contents();
  tensors[0].spec.shape = {1, 3};
  CHECK_THAT(refusal(sealed(), tensors), Contains(header));
  tensors = contents();
  tensors[1].spec.dtype = DType::i8;
  CHECK_THAT(refusal(sealed(), tensors), Contains(header));
  tensors = contents();
  tensors[1].spec.name = "flag";
  CHECK_THAT(refusal(sealed(), tensors), Contains(header));
  tensors.pop_back();
  CHECK_THAT(refusal(sealed(), tensors), Contains(header));

  for (const auto& [key, value] : Metadata{
           {"model", "n"}, {"data", ""}, {"more", ""}, {"tensor_sha256", "{}"}, {"header_sha256", "0"}}) {
    INFO(key);
    Metadata metadata = sealed();
    metadata[key] = value;
    CHECK_THAT(refusal(metadata, contents()), Contains(header));
  }
  Metadata moved = sealed();  // the same texts, cut elsewhere
  moved.erase("model");
  moved["mode"] = "lm";
  CHECK_THAT(refusal(moved, contents()), Contains(header));
}

TEST_CASE("a writer adds the digests of what it wrote, appended or not", "[unit]") {
  const test::TempDir dir;
  const std::vector<std::int64_t> ids{1, 2, 3};
  const std::vector<TensorSpec> specs{{"labels", DType::f32, {3, 1}},
                                      {"flags", DType::u8, {2}},
                                      {"none", DType::f32, {0}},
                                      {"ids", DType::i64, {3}}};
  const auto write_file = [&](const char* name, bool digested, bool in_order) {
    const Metadata metadata{{"model", "m"}};
    SafetensorsWriter writer(dir / name, specs, digested ? with_reserved_digests(metadata, specs) : metadata);
    if (in_order) {
      writer.append(std::as_bytes(std::span(kLabels)).first(5));
      writer.append(std::as_bytes(std::span(kLabels)).subspan(5));
      writer.append(std::span<const std::uint8_t>(kFlags));
      writer.append(std::span<const std::int64_t>(ids));
    } else {
      writer.write_at("ids", 8, std::as_bytes(std::span(ids)).subspan(8));
      writer.write_at("flags", 0, std::as_bytes(std::span(ids)).first(2));
      writer.append(std::span<const float>(kLabels));
      writer.append(std::span<const std::uint8_t>(kFlags));
      writer.write_at("ids", 0, std::as_bytes(std::span(ids)).first(8));
    }
    writer.publish();
    return SafetensorsFile::open(dir / name);
  };
  const SafetensorsFile plain = write_file("plain.safetensors", false, true);
  CHECK_FALSE(has_content_digests(plain.metadata()));
  for (const bool in_order : {true, false}) {
    const SafetensorsFile file = write_file("x.safetensors", true, in_order);
    CHECK_NOTHROW(verify_content(file));
    const auto digests = nlohmann::json::parse(file.metadata().at("tensor_sha256"));
    CHECK(digests.size() == 4);
    CHECK(digests.at("labels") == nlohmann::json::parse(sealed().at("tensor_sha256")).at("labels"));
    for (const TensorSpec& spec : specs)
      CHECK(std::ranges::equal(file.at(spec.name).bytes, plain.at(spec.name).bytes));
  }
}

TEST_CASE("a file is verified while it is read", "[unit]") {
  const test::TempDir dir;
  const fs::path path = dir / "x.safetensors";
  write(path, sealed(), contents());
  const auto check_all = [&] {
    const SafetensorsFile file = SafetensorsFile::open(path);
    std::vector<ContentCheck::Item> items;
    for (const std::string& name : file.names()) items.push_back({&file, name});
    ContentCheck check(items);
    check.finish();
  };
  CHECK_NOTHROW(check_all());
  std::string bytes = read_text_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  CHECK_THAT(error_of(check_all, ErrorKind::data), Contains("tensor \"flags\" was changed"));
  const SafetensorsFile file = SafetensorsFile::open(path);
  CHECK_NOTHROW(verify_header(file));
  ContentCheck({{&file, "labels"}}).finish();  // another tensor
  ContentCheck unfinished({{&file, "flags"}});
}

TEST_CASE("verification ends when the run is asked to stop", "[unit]") {
  const test::TempDir dir;
  write(dir / "x.safetensors", sealed(), contents());
  const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
  const StopScope scope([] { return true; });
  error_of([&] { verify_content(file); }, ErrorKind::interrupted);
  ContentCheck check({{&file, "labels"}});
  error_of([&] { check.finish(); }, ErrorKind::interrupted);
}

TEST_CASE("every bit of a file that carries content is covered", "[unit]") {
  const test::TempDir dir;
  const fs::path path = dir / "x.safetensors";
  write(path, sealed(), contents());
  const std::string bytes = read_text_file(path);
  const std::size_t padding = bytes.find_last_of('}') + 1;  // blanks up to the tensors' 14 bytes
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at == padding) at = bytes.size() - 14;
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ (1U << bit));
      std::ofstream(path, std::ios::binary) << flipped;
      INFO("byte " << at << ", bit " << bit);
      CHECK_THROWS_AS(verify_content(SafetensorsFile::open(path)), Error);
    }
  }
}
