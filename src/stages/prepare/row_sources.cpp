#include "stages/prepare/row_sources.h"

#include <algorithm>
#include <map>

#include "core/log.h"

namespace armorm::stages::prepare {
namespace {

constexpr const char* kColumn = "source";

bool has_column(const data::Mixture::Set& set) {
  const auto renamed = set.recipe.source.columns.find(kColumn);
  const std::string name = renamed == set.recipe.source.columns.end() ? kColumn : renamed->second;
  const std::vector<std::string> columns = set.dataset.column_names();
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

}  // namespace

RowSources sets_of(const data::Mixture& mixture, std::span<const std::int64_t> row_ids) {
  RowSources sources;
  for (const data::Mixture::Set& set : mixture.sets()) sources.names.push_back(set.recipe.name);
  for (const std::int64_t row : row_ids)
    sources.ids.push_back(static_cast<std::int64_t>(mixture.set_of(row)));
  return sources;
}

RowSources column_sources(const data::Mixture& mixture, std::span<const std::int64_t> row_ids) {
  const data::Mixture::Set& set = mixture.sets().front();
  if (!has_column(set)) return {};
  std::map<std::string, std::int32_t> numbers;
  std::vector<const std::string*> texts;
  std::vector<std::int32_t> number_of(static_cast<std::size_t>(set.rows));
  std::int64_t unreadable = 0;
  set.dataset.for_each_text(
      kColumn,
      [&](std::int64_t row, std::string&& text) {
        const auto [place, is_new] =
            numbers.try_emplace(std::move(text), static_cast<std::int32_t>(texts.size()));
        if (is_new) texts.push_back(&place->first);
        number_of[static_cast<std::size_t>(row)] = place->second;
      },
      [&](std::int64_t, const std::string&, const std::string&) { ++unreadable; });
  if (std::all_of(texts.begin(), texts.end(), [](const std::string* text) { return text->empty(); })) {
    if (unreadable > 0)
      log::info("the column \"{}\" holds no text; there will be no results by source", kColumn);
    return {};
  }
  RowSources sources;
  std::map<std::int32_t, std::int64_t> ids;  // by number
  for (const std::int64_t row : row_ids) {
    const std::int32_t number = number_of[static_cast<std::size_t>(row)];
    const auto [id, is_new] = ids.try_emplace(number, std::ssize(sources.names));
    if (is_new) sources.names.push_back(*texts[static_cast<std::size_t>(number)]);
    sources.ids.push_back(id->second);
  }
  return sources;
}

}  // namespace armorm::stages::prepare
