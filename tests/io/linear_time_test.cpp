#include "support/linear_time.h"

#include <fmt/core.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "io/checked_json.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"
#include "support/test_support.h"

namespace io = armorm::io;
using armorm::test::check_linear_time;

namespace {

std::vector<io::TensorSpec> empty_tensors(std::size_t count) {
  std::vector<io::TensorSpec> specs;
  for (std::size_t i = 0; i < count; ++i)
    specs.push_back({fmt::format("layers.{}.weight", i), armorm::DType::f32, {0}});
  return specs;
}

std::string header_of(std::size_t tensors) {
  std::string header = "{";
  for (std::size_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"layers.{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                          i == 0 ? "" : ",", i);
  header += "}";
  const std::uint64_t size = header.size();
  std::string file(sizeof(size), '\0');
  std::memcpy(file.data(), &size, sizeof(size));
  return file + header;
}

// {"name 0": {"a": [0]}, "name 1": ...}
std::string object_of(std::size_t members) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i)
    text += fmt::format(R"({}"name {}":{{"a":[{}]}})", i == 0 ? "" : ",", i, i);
  return text + "}";
}

}  // namespace

TEST_CASE("A million objects in one list are parsed") {
  std::string text = "[{}";
  for (int i = 1; i < 1'000'000; ++i) text += ",{}";
  CHECK(io::parse_checked_json(text + "]", "generated", 2).size() == 1'000'000);
}

TEST_CASE("A safetensors header is read in linear time") {
  check_linear_time(20'000, [](std::size_t n) {
    return
        [file = header_of(n)] { io::parse_safetensors_header(std::as_bytes(std::span(file)), "generated"); };
  });
}

TEST_CASE("A safetensors header is written in linear time") {
  check_linear_time(20'000, [](std::size_t n) {
    return [specs = empty_tensors(n)] { io::write_safetensors_header(specs, {}, "generated"); };
  });
}

TEST_CASE("An index of shards is read in linear time") {
  const armorm::test::TempDir dir;
  check_linear_time(20'000, [&](std::size_t n) {
    const auto folder = dir / fmt::format("{}", n);
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "a.safetensors", std::ios::binary) << header_of(n);
    std::ofstream index(folder / "model.safetensors.index.json");
    index << R"({"weight_map":{)";
    for (std::size_t i = 0; i < n; ++i)
      index << fmt::format(R"({}"layers.{}":"a.safetensors")", i ? "," : "", i);
    index << "}}";
    return [folder] { io::SafetensorsFolder::open(folder); };
  });
}

TEST_CASE("Objects in an object are parsed in linear time") {
  check_linear_time(20'000, [](std::size_t n) {
    return [text = object_of(n)] { io::parse_checked_json(text, "generated", 8); };
  });
}

TEST_CASE("Objects in order are parsed in linear time") {
  check_linear_time(20'000, [](std::size_t n) {
    return [text = object_of(n)] { io::parse_ordered_json(text, "generated", 8); };
  });
}

TEST_CASE("Ordered JSON keeps the order and the last of equal keys") {
  const auto json =
      io::parse_ordered_json(R"({"b": 1, "a": [2, {"z": -3, "y": 0.5}], "b": "é", "c": null})", "x", 3);
  CHECK(json.dump() == R"({"b":"é","a":[2,{"z":-3,"y":0.5}],"c":null})");
}

TEST_CASE("Parsed JSON equals that of the library") {
  const std::string text =
      R"( {"a": [1, -2, 3.5e-3, true, false, null, [], {}, ""], "b": {"c": {"d": ["x"]}}} )";
  CHECK(io::parse_checked_json(text, "x", 4) == nlohmann::json::parse(text));
  CHECK(io::parse_checked_json("7", "x", 1) == 7);
  CHECK_THROWS_WITH(io::parse_checked_json(R"({"a":{"b":[[1]]}})", "x", 3),
                    "x: JSON nested deeper than 3 levels");
  CHECK_THROWS_WITH(io::parse_checked_json(R"([{"a":1,"a":2}])", "x", 3),
                    R"(x: the key "a" appears twice in one object)");
  CHECK_THROWS_WITH(io::parse_checked_json(R"({"a":1e999})", "x", 3),
                    Catch::Matchers::Contains("x: not valid JSON: "));
  CHECK_THROWS_WITH(io::parse_checked_json("{\"a\":\"\xff\"}", "x", 3),
                    Catch::Matchers::Contains("x: not valid JSON: "));
  CHECK_THROWS_WITH(io::parse_checked_json("{} {}", "x", 3),
                    Catch::Matchers::Contains("x: not valid JSON: "));
  CHECK(io::parse_json(R"({"a":{"b":1},"a":[2]})", "x", 3) == nlohmann::json::parse(R"({"a":[2]})"));
  CHECK_THROWS_WITH(io::parse_json(std::string("{}\0{}", 5), "x", 3),
                    Catch::Matchers::Contains("a zero byte after 2 bytes"));
  CHECK_THROWS_WITH(io::parse_json(R"({"zürich": NaN})", "x", 3), Catch::Matchers::Contains("zürich"));
}
