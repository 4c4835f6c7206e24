# Read by cpack once per kind of package: a tarball also holds the distribution's libraries and the files for
# developers; a .deb depends on the former and omits the latter.
set(CPACK_COMPONENTS_ALL ${CPACK_ARMORM_COMPONENTS})
if(CPACK_GENERATOR STREQUAL "TGZ")
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
  list(APPEND CPACK_COMPONENTS_ALL development)
  if(CPACK_ARMORM_BUNDLED)
    list(APPEND CPACK_COMPONENTS_ALL distribution_libraries)
  endif()
endif()
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
endif()
