// The commit that a program was built from; commit.cpp is written by cmake/WriteCommit.cmake when it changes.
#pragma once

namespace armorm::cli {

extern const char* const
    kCommit;  // abbreviated, "-dirty" after it when files differed; "unknown" outside a repository

}  // namespace armorm::cli
