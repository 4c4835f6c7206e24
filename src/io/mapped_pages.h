// Advice on parts of mapped files.
#pragma once

#include <cstddef>
#include <span>

namespace armorm::io {

// Read-only mappings only. None of them fails; an empty span is allowed.
void give_back_pages(std::span<const std::byte> mapped);    // complete pages; they can be read again
void read_pages_ahead(std::span<const std::byte> mapped);   // without waiting for the disk
void read_pages_singly(std::span<const std::byte> mapped);  // a page that is used brings no neighbours

}  // namespace armorm::io
