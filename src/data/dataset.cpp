#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "data/column_account.h"
#include "data/column_remedy.h"
#include "data/dataset_card.h"
#include "data/declared_columns.h"
#include "data/field.h"
#include "data/form_choice.h"
#include "data/form_row.h"
#include "data/layout.h"
#include "data/preference_sides.h"
#include "data/row_file.h"
#include "io/file_watch.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

// Construction of one row from its fields.
struct Reading {
  std::int64_t row_id = 0;
  const RejectRow& reject;
  const std::string* column = nullptr;  // the column being read, for rejection

  Field at(Field field) {
    column = &field.column;
    return field;
  }
  // False when a field was bad and the row was rejected.
  template <class Make>
  bool run(const Make& make) {
    try {
      make();
      return true;
    } catch (const Error& error) {
      if (!reject || error.kind() != ErrorKind::data) throw;
      reject(row_id, *column, error.what());
      return false;
    }
  }
};

// Columns that the form does not rate; the rows of a form of its own attributes may lack them.
std::vector<ColumnRequest> plain_labels(const Form& form, const std::vector<std::string>& attributes) {
  std::vector<ColumnRequest> requests;
  for (const std::string& attribute : attributes)
    if (std::none_of(form.ratings.begin(), form.ratings.end(),
                     [&](const Rating& rating) { return rating.attribute == attribute; }))
      requests.push_back({attribute, Want::number, !form.ratings.empty()});
  return requests;
}

}  // namespace

struct Dataset::Impl {
  struct FileRange {
    std::size_t file;
    std::int64_t begin;
    std::int64_t end;  // kToEnd = all rows of the file
  };

  explicit Impl(const DatasetOptions& given) : options(given), account(given.path.string()) {
    const std::vector<SplitPart> parts = find_split_parts(given);
    for (const SplitPart& part : parts)
      for (const fs::path& file : part.files)
        if (index_of.emplace(file, files.size()).second) files.push_back(file);
    // Each file is opened once as a check and closed again: there may be more files than a process may open.
    for (const fs::path& file : files) {
      stop_point();
      watch.add(file);
      const auto reader = open_row_file(file);
      columns.push_back(reader->column_names({}));
      fixed_columns.push_back(reader->has_fixed_columns());
    }
    if (fs::is_directory(given.path) && !is_saved_dataset(given.path)) declared = DeclaredColumns::of(given);
    rows.resize(files.size(), kNotCounted);
    for (const SplitPart& part : parts) add_ranges(part);
    is_complete = parts.size() == 1 && parts[0].slice.is_complete();
    if (ranges.empty())
      fail_data("{}: the split \"{}\" has no rows; choose other bounds", given.path.string(), given.split);
  }

  // A part that is a complete split is not counted.
  void add_ranges(const SplitPart& part) {
    std::vector<std::size_t> indices;
    for (const fs::path& file : part.files) indices.push_back(index_of.at(file));
    if (part.slice.is_complete()) {
      for (const std::size_t f : indices) ranges.push_back({f, 0, kToEnd});
      return;
    }
    std::int64_t total = 0;
    for (const std::size_t f : indices) total += count_file(f);
    const RowRange wanted =
        rows_of(part.slice, total, fmt::format("{}: the split \"{}\"", options.path.string(), options.split));
    std::int64_t first = 0;  // row of the split of the file's first row
    for (const std::size_t f : indices) {
      const std::int64_t begin = std::max<std::int64_t>(wanted.begin - first, 0);
      const std::int64_t end = std::min(wanted.end - first, rows[f]);
      if (begin < end) ranges.push_back({f, begin, end});
      first += rows[f];
    }
  }

  const std::string& name_in_set(const std::string& ours) const {
    const auto renamed = options.columns.find(ours);
    return renamed != options.columns.end() ? renamed->second : ours;
  }

  std::int64_t count_of(std::size_t f, const std::string& name) const {
    return std::count(columns[f].begin(), columns[f].end(), name);
  }

  ColumnRequest request(const std::string& ours, Want want, bool optional = false) const {
    return {name_in_set(ours), want, optional};
  }

  // In a file whose rows name their own columns, a column may first appear far from the start.
  void look_further(std::size_t f, const std::vector<ColumnRequest>& requests) {
    if (fixed_columns[f]) return;
    std::vector<std::string> sought;
    bool all_seen = true;
    for (const ColumnRequest& request : requests) {
      if (request.optional && !is_renamed(request.name)) continue;
      sought.push_back(request.name);
      all_seen = all_seen && count_of(f, request.name) > 0;
    }
    if (!all_seen) columns[f] = open_row_file(files[f])->column_names(sought);
  }

  void check_columns(const std::vector<ColumnRequest>& requests) {
    for (std::size_t f = 0; f < files.size(); ++f) {
      look_further(f, requests);
      for (const ColumnRequest& request : requests)
        if (const auto count = count_of(f, request.name); count > 1)
          fail_data("{}: the column \"{}\" is there {} times", files[f].string(), request.name, count);
    }
    for (const ColumnRequest& request : requests) {
      const bool is_needed = !request.optional || (is_renamed(request.name) && !is_in_any_file(request.name));
      if (is_needed) check_present(request);
    }
  }

  bool is_renamed(const std::string& theirs) const {
    return std::any_of(options.columns.begin(), options.columns.end(),
                       [&](const auto& rename) { return rename.second == theirs; });
  }

  bool is_in_any_file(const std::string& name) const {
    for (std::size_t f = 0; f < files.size(); ++f)
      if (count_of(f, name) > 0) return true;
    return false;
  }

  // A column that only some files have is null in the others, except messages, without which no row can be
  // read.
  void check_present(const ColumnRequest& request) {
    std::vector<std::size_t> without;
    for (std::size_t f = 0; f < files.size(); ++f)
      if (count_of(f, request.name) == 0) without.push_back(f);
    if (without.empty()) return;
    const fs::path& first = files[without[0]];
    if (without.size() == files.size() || request.want == Want::turns) {
      fail_data("{}: no column \"{}\"; the file has: {}; {}", first.string(), request.name,
                fmt::join(columns[without[0]], ", "), column_remedy(request.want));
    }
    if (warned.insert(request.name).second) {
      log::warn("{}: no column \"{}\" in {} of {} files ({}); it counts as null in their rows",
                options.path.string(), request.name, without.size(), files.size(),
                first.filename().string() + (without.size() > 1 ? ", ..." : ""));
    }
  }

  // Which of `requests` file `f` can answer.
  std::vector<std::size_t> requests_to(std::size_t f, const std::vector<ColumnRequest>& requests) const {
    std::vector<std::size_t> asked;
    for (std::size_t r = 0; r < requests.size(); ++r)
      if (!fixed_columns[f] || count_of(f, requests[r].name) > 0) asked.push_back(r);
    return asked;
  }

  std::int64_t count_file(std::size_t f) {
    if (rows[f] == kNotCounted) while_unchanged([&] { rows[f] = open_row_file(files[f])->num_rows(); });
    return rows[f];
  }

  std::int64_t count_rows() {
    std::int64_t sum = 0;
    for (const FileRange& range : ranges)
      sum += (range.end == kToEnd ? count_file(range.file) : range.end) - range.begin;
    return sum;
  }

  // 0 while the rows of some file are not counted.
  std::int64_t known_rows() const {
    std::int64_t sum = 0;
    for (const FileRange& range : ranges) {
      if (range.end == kToEnd && rows[range.file] == kNotCounted) return 0;
      sum += (range.end == kToEnd ? rows[range.file] : range.end) - range.begin;
    }
    return sum;
  }

  // A rename of a column that no row has would leave the intended one unread. `ours` are those of the rows.
  void check_renames(std::set<std::string> ours) const {
    ours.insert("source");
    for (const auto& [name, theirs] : options.columns) {
      if (!ours.contains(name))
        fail_usage("{}: `columns` renames \"{}\" to \"{}\", expected the name of one of these: {}",
                   options.path.string(), theirs, name, fmt::join(ours, ", "));
    }
  }

  // The form of the preference rows; null where they have none that is known.
  const Form* pair_form() {
    if (options.form.pairs != PairForm::auto_) return &form_of(options.form.pairs);
    if (!known_pair_form) known_pair_form = recognise(pair_forms(), {});
    return *known_pair_form;
  }

  // As above, of rows with these labels.
  const Form* rating_form(const std::vector<std::string>& attributes) {
    if (options.form.ratings != RatingForm::auto_) return &form_of(options.form.ratings);
    return recognise(rating_forms(), attributes);
  }

  const Form* recognise(std::span<const Form> forms, const std::vector<std::string>& attributes) {
    const FileRange& first = ranges.front();
    const FormEvidence evidence{
        options.path.string(),
        columns[first.file],
        options.columns,
        attributes,
        options.form.preference_label,
        [&](const std::vector<ColumnRequest>& requests) { return first_values(first, requests); }};
    const Form* form = nullptr;
    while_unchanged([&] { form = recognise_form(forms, evidence); });
    return form;
  }

  // The first value of each column that is not null, among the first rows; a null cell where there is none.
  std::vector<Cell> first_values(const FileRange& range, const std::vector<ColumnRequest>& requests) const {
    constexpr std::int64_t kRows = 100;
    struct Enough {};
    std::vector<Cell> values(requests.size());
    const auto visit = [&](std::int64_t row, std::vector<Cell>& cells) {
      bool all = true;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool is_value = cells[i].kind != CellKind::missing && cells[i].kind != CellKind::bad;
        if (values[i].kind == CellKind::null && is_value) values[i] = std::move(cells[i]);
        all = all && values[i].kind != CellKind::null;
      }
      if (all || row + 1 >= range.begin + kRows) throw Enough();
    };
    try {
      open_row_file(files[range.file])
          ->read(
              requests, [&](std::int64_t row) { return row >= range.begin; }, visit);
    } catch (const Enough&) {
    }
    return values;
  }

  // Rows of messages and columns of labels.
  void for_each_with_messages(const std::vector<std::string>& attributes, const std::vector<bool>& wanted,
                              const std::function<void(LabelledRow&&)>& visit, const RejectRow& reject) {
    std::vector<ColumnRequest> requests{request("messages", Want::turns)};
    for (const std::string& attribute : attributes) requests.push_back(request(attribute, Want::number));
    std::set<std::string> names(attributes.begin(), attributes.end());
    names.insert("messages");
    check_renames(std::move(names));
    for_each_row(
        requests, wanted,
        [&](std::int64_t row_id, const fs::path& path, std::int64_t row, std::vector<Cell>& cells) {
          LabelledRow labelled;
          labelled.row_id = row_id;
          Reading reading{row_id, reject};
          const bool good = reading.run([&] {
            labelled.messages = turns_of(reading.at({path, row, requests[0].name, cells[0]}));
            labelled.labels.reserve(attributes.size());
            for (std::size_t k = 1; k < requests.size(); ++k) {
              labelled.labels.push_back(label_of(reading.at({path, row, requests[k].name, cells[k]})));
            }
          });
          if (good) visit(std::move(labelled));
        });
  }

  // Rows with the columns chosen and rejected, each read by its own types.
  void for_each_with_sides(const Form& form, const std::vector<bool>& wanted,
                           const std::function<void(PreferenceRow&&)>& visit, const RejectRow& reject) {
    const std::vector<ColumnRequest> requests{request("chosen", Want::turns),
                                              request("rejected", Want::turns),
                                              request(std::string(form.prompt), Want::turns, true),
                                              request("subset", Want::text, true),
                                              request("id", Want::text, true),
                                              request(std::string(form.system), Want::text, true)};
    enum : std::size_t { kChosen, kRejected, kPrompt, kSubset, kId, kSystem };
    check_renames({"chosen", "rejected", std::string(form.prompt), "subset", "id", std::string(form.system)});
    for_each_row(requests, wanted,
                 [&](std::int64_t row_id, const fs::path& path, std::int64_t row, std::vector<Cell>& cells) {
                   Reading reading{row_id, reject};
                   const auto field = [&](std::size_t i) {
                     return reading.at({path, row, requests[i].name, cells[i]});
                   };
                   PreferenceRow preference;
                   preference.row_id = row_id;
                   const bool good = reading.run([&] {
                     const Field prompt = field(kPrompt);
                     if (cells[kChosen].kind == CellKind::texts || cells[kRejected].kind == CellKind::texts) {
                       preference.all_chosen = candidates_of(field(kChosen), prompt);
                       preference.all_rejected = candidates_of(field(kRejected), prompt);
                       preference.chosen = preference.all_chosen.front();
                       preference.rejected = preference.all_rejected.front();
                       preference.id = optional_text_of(field(kId));
                     } else {
                       if (options.form.pairs == PairForm::auto_) {
                         check_no_transcript(field(kChosen));
                         check_no_transcript(field(kRejected));
                       }
                       preference.chosen = side_of(field(kChosen), prompt);
                       preference.rejected = side_of(field(kRejected), prompt);
                     }
                     const std::string system = optional_text_of(field(kSystem));
                     for (Conversation* side : {&preference.chosen, &preference.rejected})
                       add_system(system, *side);
                     for (Conversation& answer : preference.all_chosen) add_system(system, answer);
                     for (Conversation& answer : preference.all_rejected) add_system(system, answer);
                     preference.subset = optional_text_of(field(kSubset));
                   });
                   if (good) visit(std::move(preference));
                 });
  }

  // visit(row id, fields by the names of `columns`) for each row of a described form.
  template <class Visit>
  void for_each_described(const Form& form, const std::vector<FormColumn>& form_columns,
                          std::vector<ColumnRequest> more, const std::vector<bool>& wanted,
                          const RejectRow& reject, const Visit& visit) {
    std::vector<std::string> names;
    std::vector<ColumnRequest> requests;
    for (const FormColumn& column : form_columns) {
      names.emplace_back(column.name);
      requests.push_back(request(names.back(), want_of(column.type), column.optional));
    }
    for (ColumnRequest& column : more) {
      names.push_back(column.name);
      column.name = name_in_set(column.name);
      requests.push_back(std::move(column));
    }
    std::set<std::string> ours(names.begin(), names.end());
    for (const FormColumn& column : form.columns) {
      ours.emplace(column.name);
      account.use(name_in_set(std::string(column.name)));
    }
    check_renames(std::move(ours));
    for_each_row(requests, wanted,
                 [&](std::int64_t row_id, const fs::path& path, std::int64_t row, std::vector<Cell>& cells) {
                   Reading reading{row_id, reject};
                   const FieldOf field = [&](std::string_view column) {
                     const auto at = std::find(names.begin(), names.end(), column);
                     if (at == names.end()) fail_internal("no column {} was asked for", column);
                     const auto i = static_cast<std::size_t>(at - names.begin());
                     return reading.at({path, row, requests[i].name, cells[i]});
                   };
                   visit(row_id, reading, field);
                 });
  }

  // As for_each, for the columns that make a row: names those that are left.
  template <class Visit>
  void for_each_row(const std::vector<ColumnRequest>& requests, const std::vector<bool>& wanted,
                    Visit&& visit) {
    check_columns(requests);
    for (const ColumnRequest& request : requests) account.use(request.name);
    std::map<std::string, std::int64_t> names;
    for (const std::vector<std::string>& file : columns)
      for (const std::string& name : file) names.emplace(name, 1);
    account.warn_of_unread(names);
    unread.clear();
    for_each(requests, wanted, visit);
    account.warn_of_unread(unread);
  }

  // visit(row of the split, file, row of the file, cells)
  template <class Visit>
  void for_each(const std::vector<ColumnRequest>& requests, const std::vector<bool>& wanted, Visit&& visit) {
    while_unchanged([&] {
      check_columns(requests);
      declared.check_names(columns);
      declared.check_types(requests);
      read_ranges(requests, wanted, visit);
    });
  }

  // A file that changes can look damaged; its change is the better message.
  template <class Read>
  void while_unchanged(const Read& read) const {
    try {
      read();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::data || error.kind() == ErrorKind::io) watch.check();
      throw;
    }
    watch.check();
  }

  template <class Visit>
  void read_ranges(const std::vector<ColumnRequest>& requests, const std::vector<bool>& wanted,
                   Visit&& visit) {
    Phase phase("reading " + options.path.string(), known_rows());
    std::int64_t first_row = 0;
    for (const auto& [f, begin, end] : ranges) {
      const auto is_wanted = [&, f = f, begin = begin, end = end](std::int64_t row) {
        phase.advance_to(first_row + row);
        if (row < begin || (end != kToEnd && row >= end)) return false;
        const auto index = static_cast<std::size_t>(first_row + row - begin);
        if (wanted.empty()) return true;
        if (index < wanted.size()) return static_cast<bool>(wanted[index]);
        fail_internal("{}: row {} is past the {} rows of the selection", files[f].string(), index,
                      wanted.size());
      };
      const auto visit_row = [&, f = f, begin = begin](std::int64_t row, std::vector<Cell>& cells) {
        visit(first_row + row - begin, files[f], row, cells);
      };
      rows[f] = read_file(f, requests, is_wanted, visit_row);
      first_row += (end == kToEnd ? rows[f] : end) - begin;
    }
    if (is_complete) declared.check_rows(options.split, first_row);
  }

  // visit(row of the file, one cell for each request)
  std::int64_t read_file(std::size_t f, const std::vector<ColumnRequest>& requests,
                         const RowFile::Wanted& wanted, const RowFile::Visit& visit) {
    const auto reader = open_row_file(files[f]);
    const std::int64_t count = read_with(*reader, requests_to(f, requests), requests, wanted, visit);
    for (const auto& [key, holders] : reader->unread_keys()) unread[key] += holders;
    return count;
  }

  static std::int64_t read_with(RowFile& reader, const std::vector<std::size_t>& asked,
                                const std::vector<ColumnRequest>& requests, const RowFile::Wanted& wanted,
                                const RowFile::Visit& visit) {
    if (asked.size() == requests.size()) return reader.read(requests, wanted, visit);
    std::vector<ColumnRequest> some;
    some.reserve(asked.size());
    for (const std::size_t r : asked) some.push_back(requests[r]);
    std::vector<Cell> all;
    return reader.read(some, wanted, [&](std::int64_t row, std::vector<Cell>& cells) {
      all.assign(requests.size(), Cell{});
      for (std::size_t r = 0; r < requests.size(); ++r)
        if (requests[r].optional) all[r] = missing_cell();
      for (std::size_t c = 0; c < asked.size(); ++c) all[asked[c]] = std::move(cells[c]);
      visit(row, all);
    });
  }

  static constexpr std::int64_t kNotCounted = -1;
  static constexpr std::int64_t kToEnd = -1;
  DatasetOptions options;
  std::vector<fs::path> files;
  std::map<fs::path, std::size_t> index_of;       // position of each file in `files`
  std::vector<std::vector<std::string>> columns;  // the column names of each file
  std::vector<bool> fixed_columns;                // per file: it has no other columns
  io::FileWatch watch;
  std::set<std::string> warned;  // columns that some files lack
  DeclaredColumns declared;
  std::optional<const Form*> known_pair_form;  // once it was looked for
  bool is_complete = false;                    // all rows of one split
  ColumnAccount account;
  std::map<std::string, std::int64_t> unread;  // keys of rows that no request is for
  std::vector<std::int64_t> rows;              // rows per file, once known
  std::vector<FileRange> ranges;               // of files, in the order of the split's rows
};

Dataset::Dataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const DatasetOptions& options) { return Dataset(std::make_unique<Impl>(options)); }

std::int64_t Dataset::num_rows() const { return impl_->count_rows(); }

std::vector<std::string> Dataset::column_names() const { return impl_->columns[0]; }

const std::vector<fs::path>& Dataset::files() const { return impl_->files; }

void Dataset::check_unchanged() const { impl_->watch.check(); }

const Form* Dataset::pair_form() const { return impl_->pair_form(); }

const Form* Dataset::rating_form(const std::vector<std::string>& attributes) const {
  return impl_->rating_form(attributes);
}

void Dataset::for_each_labelled(const std::vector<std::string>& attributes, const std::vector<bool>& wanted,
                                const std::function<void(LabelledRow&&)>& visit,
                                const RejectRow& reject) const {
  const Form* form = impl_->rating_form(attributes);
  if (form == nullptr || !form->is_described())
    return impl_->for_each_with_messages(attributes, wanted, visit, reject);
  impl_->for_each_described(
      *form, form->columns, plain_labels(*form, attributes), wanted, reject,
      [&](std::int64_t row_id, Reading& reading, const FieldOf& field) {
        std::vector<LabelledRow> rows;
        reading.run([&] { rows = rated_answers(*form, attributes, field, impl_->unread); });
        for (LabelledRow& row : rows) {
          row.row_id = row_id;
          visit(std::move(row));
        }
      });
}

void Dataset::for_each_preference(const std::vector<bool>& wanted,
                                  const std::function<void(PreferenceRow&&)>& visit,
                                  const RejectRow& reject) const {
  const Form* form = impl_->pair_form();
  const FormOptions& choice = impl_->options.form;
  const Form& known = form != nullptr ? *form : form_of(PairForm::conversational);
  const std::string_view label = chosen_label(known, choice.preference_label, impl_->options.path.string());
  if (!known.is_described()) return impl_->for_each_with_sides(known, wanted, visit, reject);
  impl_->for_each_described(known, columns_of(known, label), {}, wanted, reject,
                            [&](std::int64_t row_id, Reading& reading, const FieldOf& field) {
                              PreferenceRow row;
                              row.row_id = row_id;
                              const bool good = reading.run([&] {
                                rank_answers(known, label, choice.ranked_pairs, field, impl_->unread, row);
                              });
                              if (good) visit(std::move(row));
                            });
}

void Dataset::for_each_text(const std::string& column,
                            const std::function<void(std::int64_t, std::string&&)>& visit,
                            const RejectRow& reject) const {
  const std::vector<ColumnRequest> requests{impl_->request(column, Want::text)};
  impl_->account.use(requests[0].name);
  impl_->for_each(
      requests, {},
      [&](std::int64_t row_id, const fs::path& path, std::int64_t row, std::vector<Cell>& cells) {
        std::string value;
        Reading reading{row_id, reject};
        reading.run([&] { value = optional_text_of(reading.at({path, row, requests[0].name, cells[0]})); });
        visit(row_id, std::move(value));
      });
}

}  // namespace armorm::data
