#include "stages/ridge/row_groups.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/words.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/prepare/prompt_id.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::ridge;
using nlohmann::json;

namespace {

json read_golden(const char* name) { return json::parse(io::read_text_file(test::golden(name))); }

// Only those of the flags "--name value ..." that divide the rows.
Stage1TrainOptions options_of(const std::string& flags) {
  Stage1TrainOptions options;
  std::istringstream words(flags);
  for (std::string word; words >> word;) {
    if (word == "--n_folds") words >> options.n_folds;
    if (word != "--cv" && word != "--split_by") continue;
    std::string value;
    words >> value;
    if (word == "--cv") options.cv = parse_word<RidgeCv>(word, value);
    if (word == "--split_by") options.split_by = parse_word<SplitBy>(word, value);
  }
  return options;
}

}  // namespace

TEST_CASE("rows are divided as scikit-learn divides them, by row and by prompt", "[golden]") {
  const auto file = io::SafetensorsFile::open(test::golden("stages/stage1_rows.safetensors"));
  const auto prompts = file.at("prompt_ids").as<std::int64_t>();
  const json cases = read_golden("stages/stage1_fits.json");
  REQUIRE(cases.size() > 10);
  for (const json& c : cases) {
    INFO("flags: " << c["flags"]);
    const Stage1TrainOptions options = options_of(c["flags"]);
    std::vector<linear::RowGroup> expected;
    for (const int group : c["groups"])
      expected.push_back(static_cast<linear::RowGroup>(group < 0 ? group_count(options) - 1 : group));
    CHECK(assign_groups(options, static_cast<std::int64_t>(prompts.size()), prompts) == expected);
  }
}

TEST_CASE("more folds than rows or prompts to train on are a data error", "[unit]") {
  Stage1TrainOptions options;
  options.cv = RidgeCv::kfold;
  options.n_folds = 9;
  CHECK_THAT(test::error_of([&] { assign_groups(options, 10, {}); }, ErrorKind::data),
             Catch::Contains("8 rows"));
  options.split_by = SplitBy::prompt;
  const std::vector<std::int64_t> prompts{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
  CHECK_THAT(test::error_of([&] { assign_groups(options, 12, prompts); }, ErrorKind::data),
             Catch::Contains("3 prompts"));
}

TEST_CASE("a prompt's number is the hash of what stands before the last answer", "[golden]") {
  const json records = read_golden("stages/prompt_ids.json");
  REQUIRE(records.size() == 6);
  for (const json& record : records) {
    INFO(record.dump());
    Conversation conversation;
    for (const json& m : record["messages"]) conversation.push_back({m["role"], m["content"]});
    CHECK(stages::prepare::prompt_id(conversation) == record["id"].get<std::int64_t>());
  }
}
