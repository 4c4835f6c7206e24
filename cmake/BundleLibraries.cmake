# Runs while installing: copies the shared libraries that the programs need into ARMORM_BUNDLE_DESTINATION, under the
# names by which they are needed, makes them find each other there, and copies their licences into
# ARMORM_BUNDLE_LICENSES.
#   ARMORM_BUNDLE_PROGRAMS  the built programs
#   ARMORM_BUNDLE_OPENED    libraries that are opened by name at run time
#   ARMORM_BUNDLE_WHICH     own: those outside the distribution's folders; distribution: those inside, glibc excepted;
#                           wheel: all but those of the wheels of torch and pyarrow, and the C++ library
#   ARMORM_BUNDLE_TORCH     LibTorch's folder
#   ARMORM_BUNDLE_ARROW     pyarrow's folder, for a wheel
cmake_policy(VERSION 3.25)

# Not bundled: the C library (its loader, name services and locales must match the machine), the GPU's driver, and the
# libraries of an RDMA network, which NVIDIA's libraries look for but do not need.
set(_of_the_machine "^ld-linux" "^lib(c|m|mvec|dl|rt|pthread|resolv|util|anl)\\.so" "^libcuda\\.so" "^libnvidia-"
                    "^lib(mlx5|rdmacm|ibverbs)\\.so")
# Nor in a wheel: what its dependencies bring, and the C++ library, of which LibTorch and the programs must use the same.
if(ARMORM_BUNDLE_WHICH STREQUAL wheel)
  list(APPEND _of_the_machine "^lib(stdc\\+\\+|gcc_s)\\.so")
  foreach(_folder torch/lib nvidia/*/lib)
    file(GLOB _brought RELATIVE ${ARMORM_BUNDLE_TORCH}/.. ${ARMORM_BUNDLE_TORCH}/../${_folder}/*.so*)
    list(APPEND _provided ${_brought})
  endforeach()
  file(GLOB _brought ${ARMORM_BUNDLE_ARROW}/*.so*)
  foreach(_library ${_provided} ${_brought})
    get_filename_component(_name ${_library} NAME)
    string(REGEX REPLACE "([.+])" "\\\\\\1" _pattern ${_name})
    list(APPEND _of_the_machine "^${_pattern}$")
  endforeach()
endif()

function(find_libraries result)
  file(
    GET_RUNTIME_DEPENDENCIES
    EXECUTABLES ${ARMORM_BUNDLE_PROGRAMS}
    MODULES ${ARMORM_BUNDLE_OPENED}
    RESOLVED_DEPENDENCIES_VAR found
    UNRESOLVED_DEPENDENCIES_VAR missing
    CONFLICTING_DEPENDENCIES_PREFIX twice
    PRE_EXCLUDE_REGEXES ${_of_the_machine})
  if(missing)
    message(FATAL_ERROR "cannot be bundled, for they are not found: ${missing}; make them known to ldconfig, or "
                        "configure with -DARMORM_BUNDLE_LIBRARIES=OFF")
  endif()
  # Needed from several places: takes the one that a program alone would have loaded.
  foreach(name ${twice_FILENAMES})
    list(GET twice_${name} 0 first)
    list(APPEND found ${first})
  endforeach()
  set(${result} ${found} ${ARMORM_BUNDLE_OPENED} PARENT_SCOPE)
endfunction()

# The name that other libraries look for: the library's own name, not that of a link to it.
function(needed_name library result)
  execute_process(COMMAND ${CMAKE_OBJDUMP} -p ${library} OUTPUT_VARIABLE headers ERROR_QUIET)
  if(headers MATCHES "SONAME +([^\n]+)")
    set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
  else()
    get_filename_component(name ${library} NAME)
    set(${result} ${name} PARENT_SCOPE)
  endif()
endfunction()

# A library whose RPATH leads elsewhere gets its own folder; one without RPATH uses that of the programs.
function(keep_together library)
  file(READ_ELF ${library} RPATH rpath RUNPATH runpath)
  if((rpath OR runpath) AND NOT "${rpath}${runpath}" STREQUAL "$ORIGIN")
    file(RPATH_SET FILE ${library} NEW_RPATH $ORIGIN)
  endif()
endfunction()

# For wheels, the distribution's folder whose file list contains the library; for LibTorch's archive, LibTorch's own.
function(wheel_licenses library name_result files_result)
  if(library MATCHES "^(.*/site-packages)/(.*)$")
    set(site ${CMAKE_MATCH_1})
    string(REPLACE "." "\\." pattern "${CMAKE_MATCH_2}")
    file(GLOB records ${site}/*.dist-info/RECORD)
    foreach(record ${records})
      file(STRINGS ${record} lines REGEX "^${pattern},")
      if(lines)
        get_filename_component(folder ${record} DIRECTORY)
        get_filename_component(name ${folder} NAME)
        string(REPLACE ".dist-info" "" name ${name})
        file(GLOB files ${folder}/LICEN[CS]E* ${folder}/License* ${folder}/NOTICE* ${folder}/licenses/*)
        # Some keep their licences next to the library's folder.
        get_filename_component(around ${library} DIRECTORY)
        file(GLOB beside ${around}/../LICEN[CS]E*)
        list(APPEND files ${beside})
      endif()
    endforeach()
  elseif(library MATCHES "^${ARMORM_BUNDLE_TORCH}/")
    set(name libtorch)
    file(GLOB files ${ARMORM_BUNDLE_TORCH}/LICENSE* ${ARMORM_BUNDLE_TORCH}/NOTICE*)
  endif()
  set(${name_result} ${name} PARENT_SCOPE)
  set(${files_result} ${files} PARENT_SCOPE)
endfunction()

function(distribution_licenses library name_result files_result)
  find_program(DPKG_QUERY dpkg-query)
  if(DPKG_QUERY)
    # dpkg knows some libraries of /usr/lib by their old path in /lib.
    string(REGEX REPLACE "^/usr/" "/" old_name ${library})
    execute_process(COMMAND ${DPKG_QUERY} -S ${library} OUTPUT_VARIABLE owner ERROR_QUIET)
    if(NOT owner)
      execute_process(COMMAND ${DPKG_QUERY} -S ${old_name} OUTPUT_VARIABLE owner ERROR_QUIET)
    endif()
    if(owner MATCHES "^([^:]+):")
      set(${name_result} ${CMAKE_MATCH_1} PARENT_SCOPE)
      file(GLOB files /usr/share/doc/${CMAKE_MATCH_1}/copyright)
      set(${files_result} ${files} PARENT_SCOPE)
    endif()
  endif()
endfunction()

function(install_licenses library which)
  if(which STREQUAL own)
    wheel_licenses(${library} name files)
  else()
    distribution_licenses(${library} name files)
  endif()
  if(NOT files)
    message(WARNING "${library}: no licence found; add it before you pass the installation on")
    return()
  endif()
  foreach(file ${files})
    if(NOT IS_DIRECTORY ${file})
      file(INSTALL DESTINATION ${ARMORM_BUNDLE_LICENSES}/${name} TYPE FILE PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ
                                                                                       WORLD_READ FILES ${file})
    endif()
  endforeach()
endfunction()

find_libraries(_libraries)
foreach(_library ${_libraries})
  get_filename_component(_file ${_library} REALPATH)
  set(_which own)
  if(_file MATCHES "^(/usr)?/lib(32|64|x32)?/")
    set(_which distribution)
  endif()
  needed_name(${_file} _name)
  if(NOT ARMORM_BUNDLE_WHICH MATCHES "^(${_which}|wheel)$" OR _name IN_LIST _copied)
    continue()
  endif()
  list(APPEND _copied ${_name})
  file(INSTALL DESTINATION ${ARMORM_BUNDLE_DESTINATION} TYPE FILE RENAME ${_name} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ
                                                                                 WORLD_READ FILES ${_file})
  keep_together($ENV{DESTDIR}${ARMORM_BUNDLE_DESTINATION}/${_name})
  install_licenses(${_file} ${_which})
endforeach()
