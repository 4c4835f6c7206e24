// Columns of JSON texts, compared with what `datasets` reads from them, and extension types that are not
// known.
#include <cmath>

#include "core/error.h"
#include "data/rows.h"
#include "support/error_of.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;

TEST_CASE("columns of JSON texts are what they encode", "[golden]") {
  const nlohmann::json expected = golden_json("json_columns/expected.json");
  for (const std::string file : {"json.parquet", "json.arrow", "logical_type.parquet"}) {
    const auto path = golden("data/json_columns/" + file);
    for (const std::string column : {"m_json", "m_items", "m_struct"}) {
      CAPTURE(file, column);
      const auto rows = labelled_rows(open_dataset(path, "train", {{"messages", column}}), {"number"});
      REQUIRE(rows.size() == expected.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i].messages == conversation_from(expected[i][column]));
        const nlohmann::json& number = expected[i]["number"];
        if (number.is_null())
          CHECK(std::isnan(rows[i].labels[0]));
        else
          CHECK(rows[i].labels[0] == (number.is_boolean() ? 1.0F : number.get<float>()));
      }
    }
    const auto texts = open_dataset(path).read_strings("text");
    REQUIRE(texts.size() == expected.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      CHECK(texts[i] == (expected[i]["text"].is_null() ? "" : expected[i]["text"].get<std::string>()));
    const auto pairs =
        preference_rows(open_dataset(path, "train", {{"chosen", "m_items"}, {"rejected", "m_json"}}));
    REQUIRE(pairs.size() == expected.size());
    CHECK(pairs[0].chosen == conversation_from(expected[0]["m_items"]));
    CHECK(pairs[0].all_chosen.empty());
  }
}

TEST_CASE("an extension type that is not known is refused by name", "[unit]") {
  for (const std::string file : {"unknown.parquet", "unknown.arrow"}) {
    const Dataset dataset = open_dataset(golden("data/json_columns/" + file));
    CHECK(dataset.read_strings("g") == std::vector<std::string>{"y"});
    CHECK_THAT(error_of([&] { dataset.read_strings("f"); }, ErrorKind::data),
               Contains("\"f\"") && Contains("example.reversed") && Contains(file));
  }
}
