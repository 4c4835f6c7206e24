# Run by cpack on the staged files: moves a .deb's documents to the places and forms of Debian's policy.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
if(CPACK_ARMORM_DRIVER_DIR)
  file(MAKE_DIRECTORY ${CPACK_ARMORM_DRIVER_DIR})
  execute_process(COMMAND ${CPACK_ARMORM_COMPILER} -shared -nostdlib -Wl,-soname,libcuda.so.1 -x c++ /dev/null
                          -o ${CPACK_ARMORM_DRIVER_DIR}/libcuda.so.1 COMMAND_ERROR_IS_FATAL ANY)
endif()
file(GLOB_RECURSE _licenses ${CPACK_TEMPORARY_DIRECTORY}/LICENSE)
list(FILTER _licenses INCLUDE REGEX "/share/doc/armorm/LICENSE$")
list(GET _licenses 0 _license)
string(REPLACE "/share/doc/armorm/LICENSE" "/share" _share ${_license})
set(_docs ${_share}/doc/${CPACK_DEBIAN_PACKAGE_NAME})
if(NOT _docs STREQUAL "${_share}/doc/armorm")
  file(RENAME ${_share}/doc/armorm ${_docs})
endif()

file(READ ${CPACK_ARMORM_SOURCE_DIR}/CHANGELOG.md _changelog)
if(_changelog MATCHES "## \\[${CPACK_PACKAGE_VERSION}\\] - ([0-9-]+)")
  execute_process(COMMAND date -R -u -d ${CMAKE_MATCH_1} OUTPUT_VARIABLE _date OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
string(SUBSTRING "${CMAKE_MATCH_1}" 0 4 _year)
if(NOT _date)
  message(FATAL_ERROR "CHANGELOG.md has no dated section for ${CPACK_PACKAGE_VERSION}")
endif()
file(WRITE ${_docs}/changelog.Debian
     "${CPACK_DEBIAN_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
     "  * Release ${CPACK_PACKAGE_VERSION}; changelog.gz says what changed.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${_date}\n")
file(RENAME ${_docs}/CHANGELOG.md ${_docs}/changelog)
file(REMOVE ${_docs}/LICENSE)  # Debian's form: common-licenses, named in the file below
file(WRITE ${_docs}/copyright
     "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: armorm

Files: *
Copyright: ${_year} the authors of ArmoRM in C++
License: Apache-2.0
Comment: These header libraries are compiled into the programs: Boost (Asio and Beast), Eigen, JSON for Modern C++, CLI11
 and fmt. Their licences are in /usr/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}/licenses.

Files: lib/armorm/*
Copyright: ${_year} the authors of the libraries there, who are named with their licences
License: as-bundled
 Libraries that Debian does not have, as they were built by others: their licences are in
 /usr/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}/licenses.

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
")
file(GLOB _pages ${_share}/man/man1/*.1)
execute_process(COMMAND gzip -9nf ${_pages} ${_docs}/changelog ${_docs}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
if(EXISTS ${_share}/zsh/site-functions)
  file(RENAME ${_share}/zsh/site-functions ${_share}/zsh/vendor-completions)
endif()
configure_file(${CPACK_ARMORM_SOURCE_DIR}/cmake/lintian-overrides.in
               ${_share}/lintian/overrides/${CPACK_DEBIAN_PACKAGE_NAME} @ONLY)
