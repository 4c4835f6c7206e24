# armorm_small_library(TARGET HEADER LIBRARY PACKAGE): an imported target for a C library with one header, found on
# CMAKE_PREFIX_PATH or in the system's folders. pkg-config is not used: its files contain the original folder, but the
# headers of `scripts/setup.sh --gather` are elsewhere. PACKAGE is the name in Debian, for the message.
function(armorm_small_library target header library package)
  string(MAKE_C_IDENTIFIER "ARMORM_${library}" name)
  find_path(${name}_INCLUDE ${header})
  find_library(${name}_LIBRARY ${library})
  mark_as_advanced(${name}_INCLUDE ${name}_LIBRARY)
  if(NOT ${name}_INCLUDE OR NOT ${name}_LIBRARY)
    message(FATAL_ERROR "${header} or lib${library} not found: install ${package} (Debian's name), or point CMAKE_PREFIX_PATH at it")
  endif()
  add_library(${target} UNKNOWN IMPORTED)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${name}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${${name}_INCLUDE})
endfunction()

# armorm_header_library(TARGET HEADER PACKAGE): the same for headers without a library.
function(armorm_header_library target header package)
  string(MAKE_C_IDENTIFIER "ARMORM_${target}_INCLUDE" name)
  find_path(${name} ${header})
  mark_as_advanced(${name})
  if(NOT ${name})
    message(FATAL_ERROR "${header} not found: install ${package} (Debian's name), or point CMAKE_PREFIX_PATH at it")
  endif()
  add_library(${target} INTERFACE IMPORTED)
  set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${${name}})
endfunction()
