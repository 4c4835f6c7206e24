// Tables of the filters on one value, and on sequences.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/ast.h"

namespace armorm::text::jinja {

struct FilterEntry {
  std::string_view name;
  FilterFunction filter;
};

std::span<const FilterEntry> scalar_filters();
std::span<const FilterEntry> sequence_filters();

}  // namespace armorm::text::jinja
