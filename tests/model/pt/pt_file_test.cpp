#include "model/pt/pt_file.h"

#include <c10/util/Half.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/half.h"
#include "core/hash.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "model/pt/pickle_reader.h"
#include "model/pt/pt_archive.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::model::pt;
using namespace armorm::test;

TEST_CASE("files of torch.save read as torch.load reads them", "[golden]") {
  const auto expected = nlohmann::json::parse(io::read_text_file(golden("pt/expected.json")));
  for (const auto& [name, tensors] : expected.items()) {
    const PtTensors loaded = load_pt_file(golden("pt/" + name + ".pt"));
    CHECK(loaded.size() == tensors.size());
    for (const auto& [key, tensor] : tensors.items()) {
      INFO(name << ": " << key);
      const PtTensor* found = find_tensor(loaded, key);
      REQUIRE(found != nullptr);
      CHECK(found->shape == tensor["shape"].get<std::vector<std::int64_t>>());
      CHECK(found->values == tensor["values"].get<std::vector<float>>());
    }
  }
}

TEST_CASE("what we save is read back, and the same tensors give the same bytes", "[unit]") {
  const TempDir dir;
  const PtTensors tensors{{"weight", {{2, 3}, {1, 2, 3, 4, 5, 6}}}, {"logit_scale", {{1}, {0.5F}}}};
  save_pt_file(dir / "a.pt", tensors);
  save_pt_file(dir / "b.pt", tensors);
  CHECK(io::read_text_file(dir / "a.pt") == io::read_text_file(dir / "b.pt"));
  const PtTensors loaded = load_pt_file(dir / "a.pt");
  REQUIRE(loaded.size() == 2);
  CHECK(find_tensor(loaded, "weight")->values == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(find_tensor(loaded, "weight")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(find_tensor(loaded, "missing") == nullptr);
}

TEST_CASE("files that are no dictionary of tensors are data errors", "[unit]") {
  for (const char* name : {"pt/not_a_dict.pt", "pt/not_a_tensor.pt"})
    CHECK_THROWS_AS(load_pt_file(golden(name)), Error);
}

TEST_CASE("a file cut or altered anywhere never crashes the reader", "[unit]") {
  const TempDir dir;
  const std::string whole = io::read_text_file(golden("pt/state_dict.pt"));
  const auto attempt = [&](const std::string& bytes) {
    io::publish_text(dir / "x.pt", bytes);
    try {
      load_pt_file(dir / "x.pt");
    } catch (const Error& error) {
      CHECK((error.kind() == ErrorKind::data || error.kind() == ErrorKind::io));
    }
  };
  for (std::size_t n = 0; n < whole.size(); n += 37) attempt(whole.substr(0, n));
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    attempt(bytes);
  }
}

TEST_CASE("a record with another checksum is damaged, one without a checksum is read", "[golden]") {
  const TempDir dir;
  const PtTensors saved = load_pt_file(golden("pt/dict.pt"));
  std::string bytes = io::read_text_file(golden("pt/dict.pt"));
  const auto& values = find_tensor(saved, "weight")->values;
  const std::string first(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  const std::size_t at = bytes.find(first);
  REQUIRE(at != std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  io::publish_text(dir / "x.pt", bytes);
  CHECK_THROWS_WITH(load_pt_file(dir / "x.pt"),
                    Catch::Contains("the checksum of the record 'data/0' disagrees"));
  // After torch.serialization.set_crc32_options(False).
  CHECK(find_tensor(load_pt_file(golden("pt/no_checksums.pt")), "weight")->values ==
        std::vector<float>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a short pickle cannot name long things often", "[unit]") {
  const std::string start = "\x80\x02}(";
  const std::string storage = std::string("ctorch\nFloatStorage\n", 20);
  const auto text = [](const std::string& value) {
    std::string out = "X....";
    const auto size = static_cast<std::uint32_t>(value.size());
    std::memcpy(out.data() + 1, &size, sizeof(size));
    return out + value;
  };
  const auto tensor = [&](const std::string& key, const std::string& sizes) {
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + storage + text(key) + text("cpu") +
           "K\x01tQK" + std::string(1, '\0') + sizes + sizes + "tR";
  };
  const std::string good = start + text("w") + tensor("0", "(K\x01t");
  CHECK(read_pickled_tensors(good + "u.", "x.pt").size() == 1);
  CHECK_THROWS_WITH(read_pickled_tensors(good + text("w") + tensor("0", "(K\x01t") + "u.", "x.pt"),
                    Catch::Contains("twice"));
  CHECK_THROWS_WITH(
      read_pickled_tensors(start + text("w") + tensor(std::string(65, '0'), "(K\x01t") + "u.", "x.pt"),
      Catch::Contains("too long"));
  std::string many = "(";
  for (int i = 0; i < 9; ++i) many += "K\x01";
  CHECK_THROWS_WITH(read_pickled_tensors(start + text("w") + tensor("0", many + "t") + "u.", "x.pt"),
                    Catch::Contains("9 dimensions"));
}

TEST_CASE("an archive of PyTorch is read member by member, and nothing past the file", "[unit]") {
  const std::string whole = io::read_text_file(golden("pt/dict.pt"));
  const auto bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  const model::pt::PtArchive archive(bytes(whole), "dict.pt");
  CHECK(archive.record("data.pkl").starts_with("\x80\x02"));
  CHECK(archive.contains("version"));
  CHECK_FALSE(archive.contains("dict/version"));
  CHECK_THROWS_WITH(archive.record("data/77"), Catch::Contains("lacks the record 'data/77'"));
  // Every 8 bytes of the directory are overwritten with ones: sizes and offsets of 2^32 and 2^64.
  const std::size_t directory = whole.find("PK\x01\x02");
  REQUIRE(directory != std::string::npos);
  std::size_t refused = 0;
  for (std::size_t at = directory; at + 8 <= whole.size(); ++at) {
    std::string changed = whole;
    changed.replace(at, 8, 8, '\xff');
    try {
      const model::pt::PtArchive other(bytes(changed), "dict.pt");
      for (const char* name : {"data.pkl", "data/0"}) {
        const std::size_t size = other.contains(name) ? other.record(name).size() : 0;
        CHECK(size <= whole.size());
      }
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      ++refused;
    }
  }
  CHECK(refused > 50);
}

TEST_CASE("a file of a big-endian machine is refused", "[unit]") {
  std::string whole = io::read_text_file(golden("pt/dict.pt"));
  if (whole.find("little") == std::string::npos) ARMORM_SKIP("this golden has no byte order");
  const auto replace_all = [&](const std::string& from, const std::string& to) {
    for (std::size_t i = whole.find(from); i != std::string::npos; i = whole.find(from, i + 1))
      whole.replace(i, from.size(), to);
  };
  const auto checksum = [](std::string_view text) {
    const std::uint32_t sum = crc32(text);
    return std::string(reinterpret_cast<const char*>(&sum), sizeof(sum));
  };
  replace_all("little", "biggie");
  replace_all(checksum("little"), checksum("biggie"));
  const TempDir dir;
  io::publish_text(dir / "x.pt", whole);
  CHECK_THROWS_WITH(load_pt_file(dir / "x.pt"), Catch::Contains("big-endian"));
}

TEST_CASE("halves become the floats that PyTorch makes of them", "[unit]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float expected = c10::Half(static_cast<std::uint16_t>(bits), c10::Half::from_bits());
    const float found = half_to_float(static_cast<std::uint16_t>(bits));
    if (std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(found) &&
        !(std::isnan(expected) && std::isnan(found)))
      FAIL("half " << bits << " became " << found << ", expected " << expected);
  }
}

TEST_CASE("names that share one storage cannot multiply a small file into memory", "[unit]") {
  CHECK_THROWS_WITH(load_pt_file(golden("pt/shared.pt")),
                    Catch::Contains("more elements than the file has bytes"));
}

TEST_CASE("a pickle nested a million deep is a data error", "[unit]") {
  std::string pickle = "\x80\x02)";
  pickle.append(1'000'000, '\x85');
  pickle += '.';
  CHECK_THROWS_AS(read_pickled_tensors(pickle, "x.pt"), Error);
}

TEST_CASE("a pickle that sets many items at once is read in order", "[unit]") {
  std::string pickle = "\x80\x02}(";
  for (int i = 0; i < 100'000; ++i) pickle += "NN";
  pickle += "u.";
  CHECK_THROWS_AS(read_pickled_tensors(pickle, "x.pt"), Error);  // holds no tensors
}

TEST_CASE("values that do not fill their shape are not saved", "[unit]") {
  const TempDir dir;
  CHECK_THROWS_AS(save_pt_file(dir / "a.pt", {{"weight", {{2, 3}, {1, 2, 3}}}}), Error);
  CHECK_FALSE(std::filesystem::exists(dir / "a.pt"));
}
