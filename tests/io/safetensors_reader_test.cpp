#include <fmt/core.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/log_capture.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using armorm::io::SafetensorsFile;
using armorm::io::SafetensorsFolder;
using armorm::io::TensorView;
using armorm::test::golden;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(b));
  return text;
}

void check_view(const TensorView& view, const nlohmann::json& expected) {
  CHECK(armorm::name_of(view.dtype) == expected.at("dtype").get<std::string>());
  CHECK(view.shape == expected.at("shape").get<std::vector<std::int64_t>>());
  CHECK(hex(view.bytes) == expected.at("hex").get<std::string>());
}

nlohmann::json expected_of(const std::string& name) {
  return nlohmann::json::parse(armorm::io::read_text_file(golden("io/expected.json"))).at(name);
}

std::string bytes_of(const std::string& header, const std::string& buffer) {
  const std::uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + buffer;
}

fs::path put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

// Message of the data error from opening these bytes; "" if they open.
std::string refusal(const std::string& bytes) {
  const TempDir dir;
  try {
    SafetensorsFile::open(put(dir / "x.safetensors", bytes));
    return "";
  } catch (const armorm::Error& error) {
    CHECK(error.kind() == armorm::ErrorKind::data);
    CHECK_THAT(error.what(), Contains("x.safetensors"));
    return error.what();
  }
}

const std::string kGood =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";

}  // namespace

TEST_CASE("safetensors files of the Python package read the same", "[golden]") {
  for (const std::string name : {"all_dtypes", "edge_shapes", "metadata", "no_tensors"}) {
    CAPTURE(name);
    const nlohmann::json expected = expected_of(name);
    const SafetensorsFile file = SafetensorsFile::open(golden("io/" + name + ".safetensors"));
    CHECK(file.names().size() == expected["tensors"].size());
    for (const auto& [tensor, item] : expected["tensors"].items()) check_view(file.at(tensor), item);
    CHECK(file.metadata() == expected["metadata"].get<armorm::io::Metadata>());
  }
}

TEST_CASE("a sharded model folder reads as one", "[golden]") {
  const nlohmann::json expected = expected_of("sharded");
  const SafetensorsFolder folder = SafetensorsFolder::open(golden("io/sharded"));
  CHECK(folder.files().size() == 2);
  CHECK(folder.names().size() == expected["tensors"].size());
  for (const auto& [tensor, item] : expected["tensors"].items()) check_view(folder.at(tensor), item);
  CHECK_FALSE(folder.contains("lm_head.weight"));
  CHECK_THROWS_WITH(folder.at("lm_head.weight"), Contains("sharded") && Contains("lm_head.weight"));
}

TEST_CASE("tensors are asked for by name, dtype and shape", "[unit]") {
  const TempDir dir;
  const SafetensorsFile file =
      SafetensorsFile::open(put(dir / "x.safetensors", bytes_of(kGood, "12345678abc")));
  CHECK(file.names() == std::vector<std::string>{"a", "b"});
  CHECK(file.at("a", armorm::DType::f32, {-1}).numel() == 2);
  CHECK_THROWS_WITH(file.at("a", armorm::DType::bf16, {2}), Contains("F32[2]") && Contains("BF16[2]"));
  CHECK_THROWS_WITH(file.at("a", armorm::DType::f32, {3}), Contains("F32[2]") && Contains("F32[3]"));
  CHECK_THROWS_WITH(file.at("a", armorm::DType::f32, {2, 1}), Contains("F32[2]"));
  CHECK_THROWS_WITH(file.at("c"), Contains("\"c\"") && Contains("missing"));
  CHECK_THROWS_AS(file.at("a").as<double>(), armorm::Error);
}

TEST_CASE("data that another writer left unaligned is read all the same", "[unit]") {
  const float values[] = {1.5F, -3.25F};
  std::string buffer(1, 'z');
  buffer.append(reinterpret_cast<const char*>(values), sizeof(values));
  const TempDir dir;
  for (std::size_t padding = 0; padding < 8; ++padding) {
    const std::string header = R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                               R"("f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
    put(dir / "x.safetensors", bytes_of(header + std::string(padding, ' '), buffer));
    const SafetensorsFile file = SafetensorsFile::open(dir / "x.safetensors");
    const TensorView view = file.at("f");
    const auto read = view.as<float>();
    REQUIRE(read.size() == 2);
    CHECK(read[0] == 1.5F);
    CHECK(read[1] == -3.25F);
    CHECK(file.at("f").bytes.data() == view.bytes.data());
  }
}

TEST_CASE("a safetensors file cut anywhere is refused", "[unit]") {
  const std::string whole = bytes_of(kGood, "12345678abc");
  REQUIRE(refusal(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(refusal(whole.substr(0, size)).empty());
  }
  CHECK_THAT(refusal(whole + "!"), Contains("belong to no tensor"));
}

TEST_CASE("a lying safetensors header is refused with its reason", "[unit]") {
  struct Case {
    std::string header, buffer, reason;
  };
  const auto one = [](const std::string& fields) { return "{\"t\":{" + fields + "}}"; };
  const std::vector<Case> cases{
      {" x{}", "", "does not start with"},
      {" \t", "", "does not start with"},
      {"[]", "", "does not start with"},
      {"{", "", "not valid JSON"},
      {"{} x", "", "not valid JSON"},
      {"{\"\xff\":1}", "", "not valid JSON"},
      {R"({"t":1})", "", "expected an object"},
      {one(R"("shape":[1],"data_offsets":[0,4])"), "1234", "\"dtype\" is missing"},
      {one(R"("dtype":"F32","data_offsets":[0,4])"), "1234", "\"shape\" is missing"},
      {one(R"("dtype":"F32","shape":[1])"), "1234", "\"data_offsets\" is missing"},
      {one(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), "1234", "F33"},
      {one(R"("dtype":3,"shape":[1],"data_offsets":[0,4])"), "1234", "dtype"},
      {one(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), "1234", "shape"},
      {one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), "1234", "-1"},
      {one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), "1234", "1.0"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), "1234", "expected 8"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"), "1234", "expected 2"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), "1234", "do not lie"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), "1234", "do not lie"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,"4"])"), "1234", "non-negative integer"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"), "1234", "non-negative integer"},
      {one(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])"), "", "overflows"},
      {one(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])"), "", "overflows"},
      {one(R"("dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0])"), "", "too large"},
      {one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"dtype":"I8")"), "1", "appears twice"},
      {R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
       "1", "appears twice"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       "123", "overlap"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       "123", "hole"},
      {one(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])"), "12", "hole"},
      {R"({"__metadata__":[]})", "", "__metadata__"},
      {R"({"__metadata__":{"k":1}})", "", "expected a string"},
      {R"({"__metadata__":{"k":"1","k":"2"}})", "", "appears twice"},
      {"{\"t\":" + std::string(100000, '[') + "1", "", "nested deeper"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.header.substr(0, 200));
    CHECK_THAT(refusal(bytes_of(c.header, c.buffer)), Contains(c.reason));
  }
}

TEST_CASE("a header may begin with white space", "[unit]") {
  for (const std::string space : {" ", "\n\t\r ", "       "}) {
    const TempDir dir;
    put(dir / "x.safetensors", bytes_of(space + kGood, "12345678abc"));
    CHECK(SafetensorsFile::open(dir / "x.safetensors").at("b").bytes.size() == 3);
  }
}

TEST_CASE("tensors of types that nothing here computes with do not keep a file from being read", "[unit]") {
  struct Case {
    std::string dtype;
    int elements, bytes;
  };
  for (const Case& c :
       {Case{"C64", 1, 8}, Case{"F8_E8M0", 8, 8}, Case{"F8_E4M3FNUZ", 8, 8}, Case{"F8_E5M2FNUZ", 8, 8},
        Case{"F4", 16, 8}, Case{"F6_E2M3", 4, 3}, Case{"F6_E3M2", 8, 6}}) {
    CAPTURE(c.dtype);
    const std::string header = "{\"t\":{\"dtype\":\"" + c.dtype + "\",\"shape\":[" +
                               std::to_string(c.elements) + "],\"data_offsets\":[0," +
                               std::to_string(c.bytes) + "]}}";
    CHECK(refusal(bytes_of(header, std::string(static_cast<std::size_t>(c.bytes), 'x'))).empty());
    CHECK_FALSE(refusal(bytes_of(header, std::string(static_cast<std::size_t>(c.bytes) - 1, 'x'))).empty());
  }
  CHECK_THAT(refusal(bytes_of(R"({"t":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", "x")),
             Contains("not a whole number of bytes"));
}

TEST_CASE("keys of a header that the format does not have are named", "[unit]") {
  const TempDir dir;
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[[[[1]]]]},"b":{"offset":0,"dtype":"U8","shape":[1],"data_offsets":[1,2]}})";
  std::vector<std::string> lines;
  const armorm::test::LogCapture capture(lines);
  CHECK(SafetensorsFile::open(put(dir / "x.safetensors", bytes_of(header, "xy"))).names().size() == 2);
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("x.safetensors") && Contains("'offset', 'strides'"));
}

TEST_CASE("a zero byte does not end a header", "[unit]") {
  CHECK_THAT(refusal(bytes_of(kGood + std::string(1, '\0'), "12345678abc")), Contains("zero byte"));
}

TEST_CASE("the header size is checked before anything is read", "[unit]") {
  for (const std::uint64_t size : {std::uint64_t{3}, std::uint64_t{100'000'001}, ~std::uint64_t{0}}) {
    std::string bytes = bytes_of("{}", "");
    std::memcpy(bytes.data(), &size, 8);
    CAPTURE(size);
    CHECK_THAT(refusal(bytes), Contains(std::to_string(size)));
  }
}

TEST_CASE("a missing safetensors file or folder is an I/O error", "[unit]") {
  const TempDir dir;
  for (const auto& open : {std::function<void()>([&] { SafetensorsFile::open(dir / "none.safetensors"); }),
                           std::function<void()>([&] { SafetensorsFile::open(dir.path()); }),
                           std::function<void()>([&] { SafetensorsFolder::open(dir.path()); })}) {
    try {
      open();
      FAIL("opened");
    } catch (const armorm::Error& error) {
      CHECK(error.kind() == armorm::ErrorKind::io);
      CHECK_THAT(error.what(), Contains(dir.path().string()));
    }
  }
}

TEST_CASE("a shard index is trusted with nothing", "[unit]") {
  const TempDir dir;
  const fs::path folder = dir / "model";
  fs::create_directories(folder);
  put(dir / "outside.safetensors", bytes_of(kGood, "12345678abc"));
  put(folder / "s1.safetensors", bytes_of(kGood, "12345678abc"));
  const auto open_with = [&](const std::string& index) {
    put(folder / "model.safetensors.index.json", index);
    return SafetensorsFolder::open(folder);
  };
  CHECK(open_with(R"({"weight_map":{"a":"s1.safetensors","b":"s1.safetensors"}})").names().size() == 2);
  CHECK_FALSE(open_with(R"({"weight_map":{"a":"s1.safetensors"}})").contains("b"));
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"weight_map":{"a":"../outside.safetensors"}})", "same folder"},
      {"{\"weight_map\":{\"a\":\"" + (dir / "outside.safetensors").string() + "\"}}", "same folder"},
      {R"({"weight_map":{"a":".."}})", "same folder"},
      {R"({"weight_map":{"a":""}})", "same folder"},
      {R"({"weight_map":{"a":7}})", "same folder"},
      {R"({"weight_map":{"a":"s1.safetensors","c":"s1.safetensors"}})", "\"c\""},
      {R"({"weight_map":{"a":"s2.safetensors"}})", "s2.safetensors"},
      {R"({"weight_map":{}})", "empty"},
      {R"({"weight_map":[]})", "weight_map"},
      {R"([])", "weight_map"},
      {R"({"weight_map":{"a":"s1.safetensors","a":"s1.safetensors"}})", "appears twice"},
      {R"({"weight_map":)", "not valid JSON"},
  };
  for (const auto& [index, reason] : cases) {
    CAPTURE(index);
    CHECK_THROWS_WITH(open_with(index), Contains(reason));
  }
}

TEST_CASE("keys of an index and files of weights that are not read are named once", "[unit]") {
  const TempDir dir;
  const std::string bytes = bytes_of(kGood, "12345678abc");
  for (const char* name : {"s1.safetensors", "extra.safetensors", "consolidated.safetensors"})
    put(dir / name, bytes);
  put(dir / "model.safetensors.index.json",
      R"({"metadata":{},"new":[[1]],"weight_map":{"a":"s1.safetensors","b":"s1.safetensors"}})");
  std::vector<std::string> lines;
  const armorm::test::LogCapture capture(lines);
  SafetensorsFolder::open(dir.path());
  SafetensorsFolder::open(dir.path());
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Contains("index.json") && Contains("'new'"));
  CHECK_THAT(lines[1], Contains("not read: extra.safetensors"));
  put(dir / "model.safetensors", bytes);
  SafetensorsFolder::open(dir.path());
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[2], Contains("those of model.safetensors; not read: extra.safetensors, "
                                "model.safetensors.index.json, s1.safetensors"));
}
