// The demo's pairs in another form give the same embeddings and the same gate.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"

using namespace armorm;
using namespace armorm::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json messages_of(const Conversation& conversation) {
  json list = json::array();
  for (const Message& message : conversation)
    list.push_back({{"role", message.role}, {"content", message.content}});
  return list;
}

// As rows of HelpSteer3; in every second one the second response is the better one.
std::string in_form_of_helpsteer3(const fs::path& set) {
  std::string rows;
  const data::Dataset dataset =
      data::Dataset::open({.path = set, .split = "train", .config = "", .columns = {}});
  dataset.for_each_preference({}, [&](data::PreferenceRow&& row) {
    const bool second = row.row_id % 2 == 1;
    const std::string better = row.chosen.back().content;
    const std::string worse = row.rejected.back().content;
    row.chosen.pop_back();
    rows += json{{"context", messages_of(row.chosen)},
                 {"response1", second ? worse : better},
                 {"response2", second ? better : worse},
                 {"overall_preference", second ? 1 + row.row_id % 3 : -1 - row.row_id % 3}}
                .dump() +
            "\n";
  });
  return rows;
}

std::string bytes_of(const fs::path& file, const std::string& tensor) {
  const io::SafetensorsFile opened = io::SafetensorsFile::open(file);
  const auto values = opened.at(tensor).as<BFloat16>();
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(BFloat16)};
}

}  // namespace

TEST_CASE("pairs in the form of HelpSteer3 train the gate that the same pairs of messages train", "[e2e]") {
  const TempDir dir;
  fs::create_directories(dir / "preference");
  write_text(dir / "preference/train.jsonl", in_form_of_helpsteer3(demo_dir() / "preference"));
  const fs::path root = dir / "root";
  copy_tree(demo_run(), root);
  const fs::path embeddings = fs::path("embeddings/model/preference-train.safetensors");
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_regular_file()) fs::remove(entry.path());
  fs::remove(root / embeddings);
  const std::string path = (dir / "preference").string();
  run_stage("stage2-prepare", root, {"--dataset_path", path, "--form", "helpsteer3"});
  for (const char* tensor : {"embeddings", "prompt_embeddings"})
    CHECK(bytes_of(root / embeddings, tensor) == bytes_of(demo_run() / embeddings, tensor));
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root);
  *(std::find(flags.begin(), flags.end(), "--preference_dataset") + 1) = path;
  const ProcessResult result = run_program("stage2-train", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(io::read_text_file(root / "gating_network_model.pt") ==
        io::read_text_file(demo_run() / "gating_network_model.pt"));
}
