# Writes the source that holds the commit, only when it changed, so that nothing is recompiled needlessly.
#   cmake -D SOURCE_DIR=... -D OUTPUT=... [-D COMMIT=...] -P WriteCommit.cmake
# COMMIT (ARMORM_COMMIT of the build) names the commit of sources without their repository, as in an image.
if(NOT COMMIT AND EXISTS ${SOURCE_DIR}/.git)
  find_package(Git QUIET)
  if(GIT_FOUND)
    execute_process(
      COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=10 --exclude=*
      WORKING_DIRECTORY ${SOURCE_DIR}
      OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "commit.h"

namespace armorm::cli {

const char* const kCommit = "@COMMIT@";

}  // namespace armorm::cli
]])
