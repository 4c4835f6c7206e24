// The files of a data set's folder that no rows are read from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace armorm::data {

// By name: a file that describes a data set or makes it, and holds no rows.
bool describes_data(const std::string& file);

// Warns once, with names, of the files below `folder` that neither are `read` nor describe the data, and of
// links to folders, which are not followed. Hidden files and folders that begin with "__" do not count.
void warn_of_unread_files(const std::filesystem::path& folder,
                          const std::vector<std::filesystem::path>& read);

}  // namespace armorm::data
