#include "armorm/model/pt_file.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "armorm/io/publish.h"
#include "model/pickle_reader.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;

TEST_CASE("files of torch.save read as torch.load reads them", "[golden]") {
  const auto expected = nlohmann::json::parse(read_text_file(golden("pt/expected.json")));
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
  CHECK(read_text_file(dir / "a.pt") == read_text_file(dir / "b.pt"));
  const PtTensors loaded = load_pt_file(dir / "a.pt");
  REQUIRE(loaded.size() == 2);
  CHECK(find_tensor(loaded, "weight")->values == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(find_tensor(loaded, "weight")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(find_tensor(loaded, "missing") == nullptr);
}

TEST_CASE("files that are no dictionary of tensors are data errors", "[unit]") {
  for (const char* name : {"pt/not_a_dict.pt", "pt/not_a_tensor.pt"}) CHECK_THROWS_AS(load_pt_file(golden(name)), Error);
}

TEST_CASE("a file cut or altered anywhere never crashes the reader", "[unit]") {
  const TempDir dir;
  const std::string whole = read_text_file(golden("pt/state_dict.pt"));
  const auto attempt = [&](const std::string& bytes) {
    publish_text(dir / "x.pt", bytes);
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

TEST_CASE("names that share one storage cannot multiply a small file into memory", "[unit]") {
  CHECK_THROWS_WITH(load_pt_file(golden("pt/shared.pt")), Catch::Contains("more elements than the file has bytes"));
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
