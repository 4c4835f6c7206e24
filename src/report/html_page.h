// Building blocks of the HTML reports: pages without scripts or external resources, readable on a phone, on a
// wide screen and on paper, in light and dark. Functions that take text escape it; those that take `html` do
// not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace armorm::report::html {

// & < > " ' replaced: safe between tags and inside quoted attributes.
std::string escaped(std::string_view text);

// With fixed decimals; "–" for a non-finite value, and never "-0.00".
std::string number(double value, int decimals);
std::string trimmed(double value, int decimals);           // like number(), without trailing zeros
std::string percent(double share, int decimals = 2);       // 0.8917 -> "89.17 %"
std::string range(double low, double high, int decimals);  // "0.10 – 0.25"; "–" if either end is not finite

// A complete document: head, style sheet, and `body_html` inside <main>.
std::string page(std::string_view title, std::string_view body_html);

// <section id="..."> with a heading; "" for an empty body.
std::string section(std::string_view id, std::string_view heading, std::string_view body_html);
std::string paragraph(std::string_view text, std::string_view css_class = "");
// Collapsed until opened, and expanded on paper.
std::string details(std::string_view summary_html, std::string_view body_html, bool open = false);

// A table cell: its content, and attributes of its tag (with a leading blank).
struct Cell {
  // NOLINTBEGIN(google-explicit-constructor): a row is written as a list of texts
  Cell(std::string html, std::string tag_attributes = "")
      : content(std::move(html)), attributes(std::move(tag_attributes)) {}
  Cell(const char* html) : content(html) {}
  // NOLINTEND(google-explicit-constructor)
  std::string content;
  std::string attributes;
};
Cell text_cell(std::string_view text);          // left-aligned
Cell bar_cell(std::string html, double share);  // a bar of this share of the width behind the text
Cell signed_bar_cell(std::string html, double value, double low, double high);  // from 0, on this scale
Cell heat_cell(std::string html, double strength);  // coloured; -1 to 1, negative in another colour
// A bar from the middle to the right (above 0) or to the left (below 0); -1 to 1.
Cell balance_cell(double strength);
// A line from `low` to `high` with a dot at `mark` and a stroke at `reference`, on a scale from `from` to
// `to`; non-finite values are left out.
struct Track {
  double from = 0.0;
  double to = 1.0;
  double low = 0.0;
  double high = 0.0;
  double mark = 0.0;
  double reference = 0.0;
};
Cell track_cell(const Track& track);

struct Column {
  // NOLINTBEGIN(google-explicit-constructor): headings are written as a list of texts
  Column(std::string heading, bool is_text = false) : name(std::move(heading)), text(is_text) {}
  Column(const char* heading) : name(heading) {}
  // NOLINTEND(google-explicit-constructor)
  std::string name;
  bool text = false;  // left-aligned
};

// A table with a caption, in a box that scrolls by itself on narrow screens. The first cell of a row is its
// heading and stays visible.
class Table {
 public:
  Table(std::string id, std::string caption, std::vector<Column> columns);
  Table& add(const std::vector<Cell>& cells, std::string_view css_class = "");
  Table& total(const std::vector<Cell>& cells);  // below a rule, after the rows
  Table& upright_headings();                     // for many narrow columns
  Table& wrap_text();                            // for long values without blanks, such as hashes
  bool empty() const { return body_.empty(); }
  std::string str() const;

 private:
  std::string id_;
  std::string caption_;
  std::vector<Column> columns_;
  std::string body_;
  std::string foot_;
  std::string css_class_;
};

// A matrix as a table of coloured numbers.
struct HeatMap {
  std::string id;
  std::string caption;
  std::string corner;  // heading of the row names
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> notes;  // further cells after each row's name; may be empty
  std::vector<std::string> note_headings;
  std::vector<double> values;  // [rows, columns]
  int decimals = 2;
  bool trim = false;  // no trailing zeros
};
std::string heat_map(const HeatMap& map);

}  // namespace armorm::report::html
