#include "support/linear_time.h"

#include <fmt/core.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data/dataset_card.h"
#include "data/row_file.h"
#include "support/test_support.h"

using namespace armorm;

TEST_CASE("The state of a saved data set is read in linear time") {
  const test::TempDir dir;
  test::check_linear_time(40'000, [&](std::size_t n) {
    const auto folder = dir / fmt::format("{}", n);
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "a.arrow") << "x";
    std::ofstream state(folder / "state.json");
    state << R"({"_data_files":[)";
    for (std::size_t i = 0; i < n; ++i) state << (i == 0 ? "" : ",") << R"({"filename":"a.arrow"})";
    state << "]}";
    return [folder, n] { CHECK(data::saved_files(folder, "train").size() == n); };
  });
}

TEST_CASE("The names of many columns are read in linear time") {
  const test::TempDir dir;
  test::check_linear_time(60'000, [&](std::size_t n) {
    const auto path = dir / fmt::format("{}.jsonl", n);
    std::ofstream row(path);
    row << '{';
    for (std::size_t i = 0; i < n; ++i) row << fmt::format(R"({}"column {}":1)", i == 0 ? "" : ",", i);
    row << "}\n";
    return [path, n] { CHECK(data::open_json(path)->column_names({}).size() == n); };
  });
}

TEST_CASE("Rows with columns of their own are read in linear time") {
  const test::TempDir dir;
  test::check_linear_time(40'000, [&](std::size_t n) {
    const auto path = dir / fmt::format("{}.jsonl", n);
    std::ofstream rows(path);
    for (std::size_t i = 0; i < n; ++i) rows << fmt::format("{{\"column {}\":1}}\n", i);
    return [path, n] {
      const std::string sought = "absent";
      CHECK(data::open_json(path)->column_names({&sought, 1}).size() == n);
    };
  });
}
