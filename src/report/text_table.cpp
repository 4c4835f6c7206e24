#include "report/text_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/display_width.h"
#include "core/strings.h"
#include "report/short_names.h"

namespace armorm::report {
namespace {

constexpr std::size_t kGap = 2;         // between two columns
constexpr std::size_t kLeastName = 16;  // names are not shortened below this
constexpr std::size_t kLeastText = 24;

using Cells = std::vector<std::string>;

// A table whose columns have got their widths; cells that are wider break into lines.
class Layout {
 public:
  Layout(std::vector<Cells> rows, const std::vector<std::size_t>& text_columns, std::size_t limit)
      : rows_(std::move(rows)), text_columns_(text_columns.begin(), text_columns.end()), limit_(limit) {
    for (const Cells& row : rows_) {
      widths_.resize(std::max(widths_.size(), row.size()));
      for (std::size_t c = 0; c < row.size(); ++c) widths_[c] = std::max(widths_[c], display_width(row[c]));
    }
  }

  void fit() {
    if (!fits()) wrap_headers();
    if (!fits()) narrow_text();
    if (!fits()) shorten_names();
  }

  std::string str() const {
    std::string out;
    for (std::size_t begin = 1; out.empty() || begin < widths_.size();) {
      const std::size_t end = end_of_part(begin);
      out += (out.empty() ? "" : "\n") + part(begin, end);
      begin = end;
    }
    return out + legend_;
  }

 private:
  bool is_text(std::size_t column) const { return text_columns_.contains(column); }

  // Of the columns after the first, with the gaps before them.
  std::size_t width_of_figures() const {
    std::size_t width = 0;
    for (std::size_t c = 1; c < widths_.size(); ++c) width += kGap + widths_[c];
    return width;
  }
  bool fits() const { return widths_[0] + width_of_figures() <= limit_; }

  std::size_t body_width(std::size_t column) const {
    std::size_t width = 0;
    for (std::size_t r = 1; r < rows_.size(); ++r)
      if (column < rows_[r].size()) width = std::max(width, display_width(rows_[r][column]));
    return width;
  }

  // Narrows the columns whose headers are widest, until the table fits.
  void wrap_headers() {
    std::vector<std::size_t> least(rows_[0].size());
    for (std::size_t c = 0; c < least.size(); ++c)
      least[c] = std::max(body_width(c), widest_piece(rows_[0][c]));
    const auto spare = [&](std::size_t c) { return widths_[c] - least[c]; };
    while (!fits()) {
      std::size_t most = 0;
      for (std::size_t c = 1; c < least.size(); ++c)
        if (spare(c) > spare(most)) most = c;
      if (spare(most) == 0) return;
      --widths_[most];
    }
  }

  void narrow_text() {
    for (const std::size_t c : text_columns_) {
      if (c >= widths_.size()) continue;
      const std::size_t others = widths_[0] + width_of_figures() - widths_[c];
      const std::size_t room = others < limit_ ? limit_ - others : 0;
      widths_[c] = std::min(widths_[c], std::max(room, kLeastText));
    }
  }

  // To what the figures leave; where that is too little they go into several parts.
  void shorten_names() {
    const std::size_t figures = width_of_figures();
    const bool one_part = figures + kLeastName <= limit_;
    const std::size_t most = one_part ? limit_ - figures : limit_ / 2;
    Cells names;
    for (std::size_t r = 1; r < rows_.size(); ++r) names.push_back(rows_[r].empty() ? "" : rows_[r][0]);
    const Cells shorter = short_names(names, most);
    std::set<std::string> explained;
    for (std::size_t r = 1; r < rows_.size(); ++r) {
      const std::string& name = shorter[r - 1];
      if (name == names[r - 1]) continue;
      rows_[r][0] = name;
      if (explained.insert(name).second) legend_ += wrapped_legend(name + " = " + names[r - 1]);
    }
    widths_[0] = std::max(body_width(0), std::min(widest_piece(rows_[0][0]), most));
  }

  std::string wrapped_legend(const std::string& text) const {
    std::string out;
    for (const std::string& line : wrapped(text, limit_ - kGap))
      out += (out.empty() ? "" : std::string(kGap, ' ')) + line + "\n";
    return out;
  }

  // Columns from `begin` to there fit a line with the names, or there is only one.
  std::size_t end_of_part(std::size_t begin) const {
    std::size_t width = widths_[0];
    std::size_t end = begin;
    for (; end < widths_.size(); ++end) {
      width += kGap + widths_[end];
      if (width > limit_ && end > begin) break;
    }
    return end;
  }

  std::size_t drawn_width(std::size_t column) const {
    const std::size_t most = column == 0 ? limit_ : limit_ - widths_[0] - kGap;
    return std::min(widths_[column], most);
  }

  std::string aligned(const std::string& text, std::size_t column) const {
    const std::size_t width = drawn_width(column);
    return column == 0 || is_text(column) ? padded_right(text, width) : padded_left(text, width);
  }

  std::string part(std::size_t begin, std::size_t end) const {
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Cells lines = lines_of(rows_[r], begin, end, r == 0);
      std::size_t width = 0;
      for (const std::string& line : lines) {
        out += line + "\n";
        width = std::max(width, display_width(line));
      }
      if (r == 0) out += std::string(width, '-') + "\n";
    }
    return out;
  }

  // Lines of headers end at the rule, those of other cells begin at the top.
  Cells lines_of(const Cells& row, std::size_t begin, std::size_t end, bool header) const {
    std::vector<std::size_t> columns{0};
    for (std::size_t c = begin; c < std::min(end, row.size()); ++c) columns.push_back(c);
    std::vector<Cells> cells;
    std::size_t height = 1;
    for (const std::size_t c : columns) {
      cells.push_back(c < row.size() ? wrapped(row[c], std::max<std::size_t>(drawn_width(c), 1)) : Cells{""});
      height = std::max(height, cells.back().size());
    }
    Cells out(height);
    for (std::size_t h = 0; h < height; ++h) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::size_t above = header ? height - cells[i].size() : 0;
        const bool empty = h < above || h - above >= cells[i].size();
        out[h] += std::string(i == 0 ? 0 : kGap, ' ') + aligned(empty ? "" : cells[i][h - above], columns[i]);
      }
      out[h].erase(out[h].find_last_not_of(' ') + 1);
    }
    return out;
  }

  std::vector<Cells> rows_;
  std::set<std::size_t> text_columns_;
  std::size_t limit_;
  std::vector<std::size_t> widths_;
  std::string legend_;
};

}  // namespace

TextTable& TextTable::text_column(std::size_t column) {
  text_columns_.push_back(column);
  return *this;
}

void TextTable::add(const std::vector<std::string>& row) {
  std::vector<std::string>& cells = rows_.emplace_back();
  for (const std::string& cell : row) cells.push_back(shown(cell));
}

std::string TextTable::str(const TextStyle& style) const {
  Layout layout(rows_, text_columns_, style.columns);
  layout.fit();
  return layout.str();
}

}  // namespace armorm::report
