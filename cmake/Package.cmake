# `cpack -G TGZ` and `cpack -G DEB` in the build folder, over the components of Install.cmake.
#   tarball  runs from any folder, on any x86-64 Linux with a C library at least as new as that of the build
#   .deb     contains LibTorch and Arrow, which Debian lacks (or has in older versions), and depends on packages for the rest
set(ARMORM_PACKAGE_CONTACT "ArmoRM <packages@armorm.invalid>" CACHE STRING "Maintainer field of the packages")
set(CPACK_PACKAGE_NAME armorm)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${ARMORM_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Trains ArmoRM, an interpretable reward model for RLHF")
set(CPACK_PACKAGE_DESCRIPTION
    "Turns conversations into embeddings of a frozen Llama 3 or Gemma 2 reward
model, fits one ridge regression per attribute and trains the network that
decides from the prompt how much each attribute counts (arXiv 2406.12845).
With the flags and files of the Python scripts it replaces; runs no Python.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_RESOURCE_FILE_README ${CMAKE_SOURCE_DIR}/README.md)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ DEB)

set(_flavour "")
if(LibTorch_HAS_CUDA)
  set(_flavour -cuda)
endif()
set(CPACK_PACKAGE_FILE_NAME armorm${_flavour}-${PROJECT_VERSION}-linux-x86_64)

# One package with several components; which ones depends on the kind of package (PackageKinds.cmake).
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(ARMORM_BASE_COMPONENTS programs data documentation)
if(ARMORM_BUNDLE_LIBRARIES)
  list(APPEND ARMORM_BASE_COMPONENTS libraries)
endif()
set(CPACK_ARMORM_COMPONENTS ${ARMORM_BASE_COMPONENTS})
set(CPACK_ARMORM_BUNDLED ${ARMORM_BUNDLE_LIBRARIES})
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/PackageKinds.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/PrepareDebian.cmake)
set(CPACK_ARMORM_SOURCE_DIR ${CMAKE_SOURCE_DIR})

set(CPACK_DEBIAN_PACKAGE_NAME armorm${_flavour})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The folder from which the libraries are installed next to the programs.
file(GLOB CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LibTorch_PREFIX}/lib ${LibTorch_PREFIX}/../nvidia/*/lib
     ${ArrowParquet_ORIGIN})
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
if(ARMORM_OPENBLAS)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS libopenblas0)  # opened by name, which dpkg-shlibdeps cannot see
endif()
if(LibTorch_HAS_CUDA)
  # LibTorch's kernel loader needs the driver's library, which a build machine may lack; dpkg-shlibdeps then fails. An
  # empty library replaces it (PrepareDebian.cmake) without a package dependency: the driver belongs to the machine.
  set(CPACK_ARMORM_DRIVER_DIR ${CMAKE_BINARY_DIR}/driver-for-shlibdeps)
  set(CPACK_ARMORM_COMPILER ${CMAKE_CXX_COMPILER})
  list(PREPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CPACK_ARMORM_DRIVER_DIR})
  set(CPACK_DEBIAN_PACKAGE_PROVIDES armorm)
  set(CPACK_DEBIAN_PACKAGE_CONFLICTS armorm)
  set(CPACK_DEBIAN_PACKAGE_REPLACES armorm)
endif()
include(CPack)
