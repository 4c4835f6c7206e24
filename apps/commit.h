// The commit that a program was built from; cmake/WriteCommit.cmake writes commit.cpp when it changes.
#pragma once

namespace armorm::cli {

extern const char* const
    kCommit;  // abbreviated, with "-dirty" if files differed; "unknown" outside a repository

}  // namespace armorm::cli
