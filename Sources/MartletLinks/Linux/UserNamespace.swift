#if os(Linux)
  import CMartletSystem
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Root without root: a user namespace in which the caller may create network namespaces
  /// and TUN devices that nobody outside sees. For demonstrations and tests.
  public enum UserNamespace {
    /// Whether this process is inside one that `runSelf` made.
    public static var isInside: Bool { getenv(marker) != nil }

    /// Whether the kernel lets this process make one; tried out, in a child that ends at once.
    public static var isPermitted: Bool {
      let child = martlet_spawn_namespace_root(nil, nil, nil)
      return child > 0 && martlet_wait_for(child) == 0
    }

    /// Runs this program once more, with these arguments (those it was started with, unless
    /// given), as root of its own user and network namespace, and returns its exit status.
    /// Meanwhile an interrupt from the terminal is left to the inner program.
    public static func runSelf(arguments: [String] = CommandLine.arguments) throws(LinkError) -> Int32 {
      guard !isInside else {
        throw LinkError(.noPermission, "Still without permission inside a user namespace. Run as root.")
      }
      guard isPermitted else {
        throw LinkError(
          .noPermission,
          "No permission to make a user namespace. Run as root, or allow it with "
            + "\"sysctl kernel.unprivileged_userns_clone=1\" (Debian) or "
            + "\"sysctl kernel.apparmor_restrict_unprivileged_userns=0\" (Ubuntu).")
      }
      var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
      var settings: [UnsafeMutablePointer<CChar>?] = []
      var next = martlet_environment()
      while let at = next, let setting = at.pointee {
        settings.append(strdup(setting))
        next = at + 1
      }
      settings += [strdup(marker + "=1"), nil]
      defer { for word in words + settings { free(word) } }

      let child = martlet_spawn_namespace_root("/proc/self/exe", &words, &settings)
      guard child > 0 else { throw LinkError(failed: "cannot fork", Errno(rawValue: -child)) }
      let interrupt = signal(SIGINT, SIG_IGN)  // after the fork: an ignored signal outlives exec
      defer { signal(SIGINT, interrupt) }
      let status = martlet_wait_for(child)
      guard status >= 0 else { throw LinkError(failed: "cannot wait", Errno(rawValue: -status)) }
      return status
    }

    private static let marker = "MARTLET_USER_NAMESPACE"
  }
#endif
