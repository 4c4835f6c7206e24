// The schemas of the public data sets, compared with what the `datasets` library reads from the same files.
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/rows.h"

using armorm::Conversation;
using armorm::data::Dataset;
using armorm::data::LabelledRow;
using armorm::data::PreferenceRow;
using armorm::test::conversation_from;
using armorm::test::golden;
using armorm::test::golden_json;
using armorm::test::labelled_rows;
using armorm::test::open_dataset;
using armorm::test::preference_rows;

namespace {

void check_labelled(const std::vector<LabelledRow>& rows, const nlohmann::json& expected,
                    const std::vector<std::string>& attributes) {
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK(rows[i].row_id == static_cast<std::int64_t>(i));
    CHECK(rows[i].messages == conversation_from(expected[i].at("messages")));
    REQUIRE(rows[i].labels.size() == attributes.size());
    for (std::size_t k = 0; k < attributes.size(); ++k) {
      const nlohmann::json& label = expected[i].at(attributes[k]);
      CAPTURE(attributes[k]);
      CHECK(std::isnan(rows[i].labels[k]) == label.is_null());
      if (!label.is_null()) CHECK(rows[i].labels[k] == static_cast<float>(label.get<double>()));
    }
  }
}

void check_text_pairs(const std::vector<PreferenceRow>& rows, const nlohmann::json& expected) {
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string prompt = expected[i].at("prompt");
    CHECK(rows[i].row_id == static_cast<std::int64_t>(i));
    CHECK(rows[i].chosen == Conversation{{"user", prompt}, {"assistant", expected[i].at("chosen")}});
    CHECK(rows[i].rejected == Conversation{{"user", prompt}, {"assistant", expected[i].at("rejected")}});
    CHECK(rows[i].subset == expected[i].at("subset").get<std::string>());
  }
}

void check_list_pairs(const std::vector<PreferenceRow>& rows, const nlohmann::json& expected) {
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].row_id == static_cast<std::int64_t>(i));
    CHECK(rows[i].chosen == conversation_from(expected[i].at("chosen")));
    CHECK(rows[i].rejected == conversation_from(expected[i].at("rejected")));
  }
}

// With `extra` each message holds the member "extra" too, which is 1.
void check_messages(const Conversation& turns, const nlohmann::json& expected, bool extra) {
  REQUIRE(turns.size() == expected.size());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    nlohmann::json message{{"role", turns[i].role}, {"content", turns[i].content}};
    CHECK(message == expected[i]);
    if (extra) message["extra"] = 1;
    CHECK(turns[i].json.empty() != extra);
    if (extra) CHECK(nlohmann::json::parse(turns[i].json) == message);
  }
}

}  // namespace

TEST_CASE("ArmoRM-Multi-Objective-Data-v0.1: messages and nineteen nullable labels", "[golden]") {
  const nlohmann::json expected = golden_json("sets/expected.json").at("multi_objective").at("train");
  std::vector<std::string> attributes;
  const Dataset dataset = open_dataset(golden("data/sets/multi_objective"));
  for (const std::string& name : dataset.column_names()) {
    if (name != "messages") attributes.push_back(name);
  }
  CHECK(attributes.size() == 19);
  CHECK(dataset.num_rows() == static_cast<std::int64_t>(expected.size()));
  check_labelled(labelled_rows(dataset, attributes), expected, attributes);
  // Only the requested columns, in the requested order.
  const std::vector<std::string> two{"code-readability", "helpsteer-helpfulness"};
  check_labelled(labelled_rows(dataset, two), expected, two);
}

TEST_CASE("UltraFeedback-preference-standard: lists begin with the prompt, source filters", "[golden]") {
  const nlohmann::json expected = golden_json("sets/expected.json").at("preference_standard").at("train");
  const Dataset dataset = open_dataset(golden("data/sets/preference_standard"));
  const auto rows = preference_rows(dataset);
  check_list_pairs(rows, expected);
  const std::vector<std::string> sources = dataset.read_strings("source");
  REQUIRE(sources.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const nlohmann::json& source = expected[i].at("source");
    CHECK(sources[i] == (source.is_null() ? "" : source.get<std::string>()));
    CHECK(rows[i].subset.empty());
  }
}

TEST_CASE("pair_data_v2_80K_wsafety: rows of two files are numbered through", "[golden]") {
  const Dataset dataset = open_dataset(golden("data/sets/pair_data"));
  CHECK(dataset.files().size() == 2);
  check_list_pairs(preference_rows(dataset), golden_json("sets/expected.json").at("pair_data").at("train"));
  const auto some = preference_rows(dataset, {false, true, false, true});
  REQUIRE(some.size() == 2);
  CHECK(some[0].row_id == 1);
  CHECK(some[1].row_id == 3);
  CHECK(some[1].chosen.back().content == "Yes 3");
}

TEST_CASE("reward-bench: prompt, chosen and rejected as text, with subsets", "[golden]") {
  const nlohmann::json expected = golden_json("sets/expected.json").at("reward_bench");
  const auto path = golden("data/sets/reward_bench");
  check_text_pairs(preference_rows(open_dataset(path, "filtered")), expected.at("filtered"));
  check_text_pairs(preference_rows(open_dataset(path, "raw")), expected.at("raw"));
}

TEST_CASE("reward-bench-2: lists of answers to one prompt, with subsets and ids", "[golden]") {
  const nlohmann::json expected = golden_json("sets/expected.json").at("reward_bench_2").at("test");
  const auto rows = preference_rows(open_dataset(golden("data/sets/reward_bench_2"), "test"));
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    const std::string prompt = expected[i].at("prompt");
    const auto check_side = [&](const std::vector<Conversation>& found, const nlohmann::json& texts) {
      REQUIRE(found.size() == texts.size());
      for (std::size_t j = 0; j < texts.size(); ++j)
        CHECK(found[j] == Conversation{{"user", prompt}, {"assistant", texts[j]}});
    };
    check_side(rows[i].all_chosen, expected[i].at("chosen"));
    check_side(rows[i].all_rejected, expected[i].at("rejected"));
    CHECK(rows[i].chosen == rows[i].all_chosen[0]);
    CHECK(rows[i].rejected == rows[i].all_rejected[0]);
    CHECK(rows[i].subset == expected[i].at("subset").get<std::string>());
    CHECK(rows[i].id == expected[i].at("id").get<std::string>());
    CHECK(rows[i].row_id == static_cast<std::int64_t>(i));
  }
}

TEST_CASE("every format gives the same rows", "[golden]") {
  const nlohmann::json expected = golden_json("formats/expected.json");
  const std::vector<std::string> attributes{"helpsteer-correctness", "helpsteer-coherence"};
  for (const std::string name :
       {"none.parquet", "snappy.parquet", "gzip.parquet", "zstd.parquet", "brotli.parquet", "lz4.parquet",
        "v1_plain.parquet", "v2_page.parquet", "stream.arrow", "file.arrow", "lines.jsonl", "windows.jsonl",
        "array.json", "lines.jsonl.gz", "lines.jsonl.zst"}) {
    CAPTURE(name);
    const Dataset dataset = open_dataset(golden("data/formats/" + name));
    CHECK(dataset.num_rows() == static_cast<std::int64_t>(expected.size()));
    CHECK(dataset.column_names() == std::vector<std::string>{"messages", attributes[0], attributes[1]});
    check_labelled(labelled_rows(dataset, attributes), expected, attributes);
    const auto some = labelled_rows(dataset, attributes, {false, false, true, false, true});
    REQUIRE(some.size() == 2);
    CHECK(some[0].row_id == 2);
    CHECK(some[1].messages == conversation_from(expected[4].at("messages")));
    const auto slices =
        labelled_rows(open_dataset(golden("data/formats/" + name), "train[-1:]+train[1:3]"), attributes);
    REQUIRE(slices.size() == 3);
    const std::size_t last = expected.size() - 1;
    check_labelled(slices, nlohmann::json{expected[last], expected[1], expected[2]}, attributes);
  }
}

TEST_CASE("CSV and TSV files hold pairs of text", "[golden]") {
  const nlohmann::json expected = golden_json("formats/bench_expected.json");
  for (const std::string name : {"bench.csv", "bench.tsv"}) {
    CAPTURE(name);
    const Dataset dataset = open_dataset(golden("data/formats/" + name));
    CHECK(dataset.num_rows() == static_cast<std::int64_t>(expected.size()));
    check_text_pairs(preference_rows(dataset), expected);
  }
}

TEST_CASE("columns of every Arrow type are read", "[golden]") {
  const nlohmann::json expected = golden_json("types/expected.json");
  for (const std::string file : {"types.parquet", "types.arrow"}) {
    const Dataset dataset = open_dataset(golden("data/types/" + file));
    const std::string some_messages = "m_utf8_list";
    std::size_t checked = 0;
    for (const std::string& name : dataset.column_names()) {
      CAPTURE(file, name);
      ++checked;
      if (name.starts_with("s_")) {
        const auto texts = dataset.read_strings(name);
        REQUIRE(texts.size() == expected["texts"].size());
        for (std::size_t i = 0; i < texts.size(); ++i) {
          CHECK(texts[i] == (expected["texts"][i].is_null() ? "" : expected["texts"][i].get<std::string>()));
        }
      } else {
        const bool is_messages = name.starts_with("m_");
        const auto rows = labelled_rows(open_dataset(golden("data/types/" + file), "train",
                                                     {{"messages", is_messages ? name : some_messages}}),
                                        {is_messages ? "n_float" : name});
        REQUIRE(rows.size() == 5);
        for (std::size_t i = 0; i < 5; ++i) {
          check_messages(rows[i].messages, expected["messages"][i], name != "m_view_of_list");
          if (name == "n_nan") {
            const float values[] = {1.5F, NAN, NAN, -2.0F, 0.0F};
            CHECK(
                (rows[i].labels[0] == values[i] || (std::isnan(values[i]) && std::isnan(rows[i].labels[0]))));
          } else if (name == "n_null" || expected["numbers"][i].is_null()) {
            CHECK(std::isnan(rows[i].labels[0]));
          } else {
            CHECK(rows[i].labels[0] == expected["numbers"][i].get<float>());
          }
        }
      }
    }
    CHECK(checked == (file == "types.arrow" ? 33U : 30U));
  }
}

TEST_CASE("folders of save_to_disk", "[golden]") {
  const nlohmann::json expected = golden_json("saved_expected.json");
  const auto dict = golden("data/saved_dict");
  check_list_pairs(preference_rows(open_dataset(dict, "train")), expected["saved_dict"]["train"]);
  check_list_pairs(preference_rows(open_dataset(dict, "test")), expected["saved_dict"]["test"]);
  CHECK(open_dataset(dict).files().size() == 2);
  CHECK_THROWS_WITH(open_dataset(dict, "validation"),
                    Catch::Matchers::Contains("expected one of: train, test"));
  check_list_pairs(preference_rows(open_dataset(golden("data/saved_single"))),
                   expected["saved_single"]["train"]);
}
