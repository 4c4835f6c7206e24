#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/test_support.h"

using armorm::BFloat16;
using armorm::DType;
using armorm::io::SafetensorsFile;
using armorm::io::SafetensorsWriter;
using armorm::test::golden;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

std::uint64_t header_size(const std::string& bytes) {
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), 8);
  return size;
}

}  // namespace

TEST_CASE("the bytes written are those of the format", "[unit]") {
  const TempDir dir;
  const std::vector<float> labels{1.0F, -2.0F, 0.5F};
  const std::vector<std::uint8_t> flags{7, 8};
  SafetensorsWriter writer(dir / "x.safetensors", {{"flags", DType::u8, {2}}, {"labels", DType::f32, {3, 1}}},
                           {{"format", "armorm"}});
  writer.append(std::span<const std::uint8_t>(flags));
  writer.append(std::span<const float>(labels));
  writer.publish();

  const std::string bytes = armorm::io::read_text_file(dir / "x.safetensors");
  const std::uint64_t size = header_size(bytes);
  CHECK((8 + size) % 64 == 0);
  REQUIRE(bytes.size() == 8 + size + 14);
  std::string header = bytes.substr(8, size);
  header.erase(header.find_last_not_of(' ') + 1);
  CHECK(header == R"({"__metadata__":{"format":"armorm"},)"
                  R"("labels":{"dtype":"F32","shape":[3,1],"data_offsets":[0,12]},)"
                  R"("flags":{"dtype":"U8","shape":[2],"data_offsets":[12,14]}})");
  CHECK(std::memcmp(bytes.data() + 8 + size, labels.data(), 12) == 0);
  CHECK(bytes.substr(8 + size + 12) == "\x07\x08");
}

TEST_CASE("what is written reads back, in pieces of any size and order", "[unit]") {
  std::vector<BFloat16> values;
  for (int i = 0; i < 105; ++i) values.push_back(BFloat16::from_float(static_cast<float>(i)));
  const std::vector<std::int64_t> ids{5, -1, 1LL << 40};
  const auto bytes = std::as_bytes(std::span(values));
  const std::vector<armorm::io::TensorSpec> specs{
      {"embeddings", DType::bf16, {5, 21}}, {"none", DType::f64, {0, 4}}, {"row_ids", DType::i64, {3}}};
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{1000}}) {
    const TempDir dir;
    SafetensorsWriter writer(dir / "x.safetensors", specs, {});
    const bool ordered = piece != 7;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const std::size_t begin = ordered ? at : (bytes.size() - 1) / piece * piece - at;
      const auto part = bytes.subspan(begin, std::min(piece, bytes.size() - begin));
      if (ordered) {
        writer.append(part);
      } else {
        writer.write_at("embeddings", begin, part);
      }
    }
    if (ordered) {
      writer.append(std::span<const std::int64_t>(ids));
    } else {
      writer.write_at("row_ids", 0, std::as_bytes(std::span(ids)));
    }
    writer.publish();
    const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
    const auto read = file.at("embeddings").as<BFloat16>();
    CHECK(std::equal(read.begin(), read.end(), values.begin(), values.end()));
    const auto read_ids = file.at("row_ids").as<std::int64_t>();
    CHECK(std::equal(read_ids.begin(), read_ids.end(), ids.begin(), ids.end()));
    CHECK(file.at("none").shape == std::vector<std::int64_t>{0, 4});
    CHECK(file.mapping().bytes().data() + file.mapping().bytes().size() ==
          file.at("embeddings").bytes.data() + 210);
  }
}

TEST_CASE("our layout is the Python package's for the same tensors", "[golden]") {
  const SafetensorsFile theirs = SafetensorsFile::open(golden("io/all_dtypes.safetensors"));
  std::vector<armorm::io::TensorSpec> specs;
  for (const std::string& name : theirs.names())
    specs.push_back({name, theirs.at(name).dtype, theirs.at(name).shape});
  const TempDir dir;
  SafetensorsWriter writer(dir / "x.safetensors", specs, theirs.metadata());
  for (const auto& spec : specs) writer.append(theirs.at(spec.name).bytes);
  writer.publish();
  const std::string ours = armorm::io::read_text_file(dir / "x.safetensors");
  const std::string reference = armorm::io::read_text_file(golden("io/all_dtypes.safetensors"));
  CHECK(ours.substr(8 + header_size(ours)) == reference.substr(8 + header_size(reference)));
  CHECK(nlohmann::json::parse(ours.substr(8, header_size(ours))) ==
        nlohmann::json::parse(reference.substr(8, header_size(reference))));
}

TEST_CASE("a tensor with a byte missing is never published", "[unit]") {
  const TempDir dir;
  const std::vector<std::uint8_t> bytes(10);
  const auto all = std::as_bytes(std::span(bytes));
  {
    SafetensorsWriter writer(dir / "x.safetensors", {{"a", DType::u8, {10}}, {"b", DType::u8, {10}}}, {});
    writer.append(all);
    writer.append(all.first(9));
    CHECK_THROWS_WITH(writer.publish(), Contains("\"b\"") && Contains("byte 9 of 10"));
  }
  {
    SafetensorsWriter writer(dir / "x.safetensors", {{"a", DType::u8, {10}}}, {});
    writer.write_at("a", 6, all.first(4));
    writer.write_at("a", 0, all.first(5));
    CHECK_THROWS_WITH(writer.publish(), Contains("byte 5 of 10"));
    writer.write_at("a", 4, all.first(3));  // overlapping is allowed
    CHECK_NOTHROW(writer.publish());
  }
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("the writer refuses bytes that do not fit", "[unit]") {
  const TempDir dir;
  const std::vector<std::uint8_t> bytes(11);
  const auto all = std::as_bytes(std::span(bytes));
  SafetensorsWriter writer(dir / "x.safetensors", {{"a", DType::u8, {10}}}, {});
  CHECK_THROWS_WITH(writer.write_at("a", 0, all), Contains("do not fit"));
  CHECK_THROWS_WITH(writer.write_at("a", ~std::uint64_t{0}, all.first(2)), Contains("do not fit"));
  CHECK_THROWS_WITH(writer.write_at("b", 0, all), Contains("not declared"));
  CHECK_THROWS_WITH(writer.append(all), Contains("past the last tensor"));
  CHECK_THROWS_WITH(SafetensorsWriter(dir / "y", {{"a", DType::u8, {1}}, {"a", DType::u8, {1}}}, {}),
                    Contains("used twice"));
  CHECK_THROWS_WITH(SafetensorsWriter(dir / "y", {{"a", DType::f32, {-1}}}, {}), Contains("not a size"));
}
