# What `cmake --install` puts where: the command, and liblatchkey with what finds it (find_package, pkg-config).
include(CMakePackageConfigHelpers)

if(LATCHKEY_BUILD_LIBRARY)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/latchkey)
  install(TARGETS latchkey_shared EXPORT latchkey LIBRARY)
  install(DIRECTORY include/latchkey TYPE INCLUDE)
  install(EXPORT latchkey NAMESPACE latchkey:: FILE latchkey-config.cmake DESTINATION ${package_dir})
  write_basic_package_version_file(latchkey-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/latchkey-config-version.cmake DESTINATION ${package_dir})
  # The package may be moved as a whole.
  file(RELATIVE_PATH LATCHKEY_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(cmake/latchkey.pc.in latchkey.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/latchkey.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
