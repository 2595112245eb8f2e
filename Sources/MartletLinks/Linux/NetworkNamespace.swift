#if os(Linux)
  import CMartletSystem
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A network namespace of the Linux kernel: its own interfaces, addresses, routes and
  /// sockets, apart from the machine's.
  ///
  /// What is done inside is done on a thread of its own; no other thread of the process ever
  /// changes its namespace. Sockets and devices made inside stay inside, and may be used from
  /// any thread. A namespace that was created here is removed when the value ends; one that was
  /// opened is left as it is.
  public struct NetworkNamespace: ~Copyable, Sendable {
    /// The name under /run/netns; nil for an anonymous one or one given by path.
    public let name: String?
    let descriptor: FileDescriptor
    private let pin: String?

    /// Opens the namespace `name` of `ip netns`, or, if it contains a slash, the file at this
    /// path, such as `/proc/1234/ns/net`.
    public init(opening name: String) throws(LinkError) {
      let isPath = name.contains("/")
      if !isPath { try Self.check(name) }
      let path = isPath ? name : Self.directory + "/" + name
      let fd = martlet_open(path, O_RDONLY | O_CLOEXEC, 0)
      guard fd >= 0 else { throw Self.openError(name, path, Errno(rawValue: -fd)) }
      self.name = isPath ? nil : name
      descriptor = FileDescriptor(rawValue: fd)
      pin = nil
    }

    /// Creates a namespace with this name, as `ip netns add` does: other programs can use it
    /// by name until this value ends.
    public static func create(named name: String) throws(LinkError) -> NetworkNamespace {
      try check(name)
      let madeDirectory = mkdir(directory, 0o755) == 0
      let path = directory + "/" + name
      let file = martlet_open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0)
      guard file >= 0 else { throw createError(name, Errno(rawValue: -file)) }
      close(file)
      do throws(LinkError) {
        let fd = try SystemThread.run { () throws(LinkError) -> Int32 in
          let fd = try freshNamespace()
          let result = martlet_pin_network_namespace(path)
          if result < 0 {
            close(fd)
            throw createError(name, Errno(rawValue: -result))
          }
          return fd
        }
        return NetworkNamespace(name: name, descriptor: FileDescriptor(rawValue: fd), pin: path)
      } catch {
        unlink(path)
        if madeDirectory { rmdir(directory) }
        throw error
      }
    }

    /// Creates a namespace without a name: it lives as long as this value, and whatever was
    /// made or started inside.
    public static func anonymous() throws(LinkError) -> NetworkNamespace {
      let fd = try SystemThread.run { () throws(LinkError) -> Int32 in try freshNamespace() }
      return NetworkNamespace(name: nil, descriptor: FileDescriptor(rawValue: fd), pin: nil)
    }

    private init(name: String?, descriptor: FileDescriptor, pin: String?) {
      self.name = name
      self.descriptor = descriptor
      self.pin = pin
    }

    deinit {
      try? descriptor.close()
      if let pin {
        _ = martlet_unpin_network_namespace(pin)
        unlink(pin)
      }
    }

    /// Runs `body` inside, on a thread of its own, and waits for its result. Sockets that it
    /// opens belong to the namespace and work from any thread afterwards.
    public func perform<R: Sendable>(
      _ body: @escaping @Sendable () throws(LinkError) -> R
    ) throws(LinkError) -> R {
      let fd = descriptor.rawValue
      return try SystemThread.run { () throws(LinkError) -> R in
        let result = martlet_enter_network_namespace(fd)
        guard result == 0 else { throw Self.enterError(Errno(rawValue: -result)) }
        return try body()
      }
    }

    /// A new namespace has its loopback interface down; this brings it up, with 127.0.0.1 and ::1.
    public func bringLoopbackUp() throws(LinkError) {
      try perform { () throws(LinkError) in
        try KernelInterface(existing: "lo").setUp(true)
      }
    }

    private static let directory = "/run/netns"

    /// Moves the calling thread into a new namespace and returns a descriptor of it.
    private static func freshNamespace() throws(LinkError) -> Int32 {
      let result = martlet_new_network_namespace()
      guard result == 0 else { throw createError(nil, Errno(rawValue: -result)) }
      let fd = martlet_open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0)
      guard fd >= 0 else { throw createError(nil, Errno(rawValue: -fd)) }
      return fd
    }

    private static func check(_ name: String) throws(LinkError) {
      guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
        throw LinkError(
          .badName, "\"\(name)\" cannot name a network namespace. Use letters, digits, '-' and '_'.")
      }
      guard name.utf8.count <= 255 else {
        throw LinkError(.nameTooLong, "The name of a network namespace has at most 255 octets. Shorten it.")
      }
    }

    private static func openError(_ name: String, _ path: String, _ errno: Errno) -> LinkError {
      switch errno {
      case .noSuchFileOrDirectory, .notDirectory:
        let advice =
          name == path
          ? "Give the path of a namespace file, such as /proc/PID/ns/net."
          : "Create it with \"ip netns add \(name)\"; \"ip netns list\" shows what there is."
        return LinkError(.unknownNamespace, errno: errno, "There is no network namespace \(name). \(advice)")
      case .permissionDenied, .notPermitted:
        return LinkError(
          .noPermission, errno: errno,
          "No permission to open the network namespace \(name). Run as root, or as the owner of that process."
        )
      default:
        return LinkError(failed: "cannot open the network namespace \(name)", errno)
      }
    }

    private static func enterError(_ errno: Errno) -> LinkError {
      switch errno {
      case .notPermitted:
        return LinkError(
          .noPermission, errno: errno,
          "No permission to enter the network namespace. Run as root (CAP_SYS_ADMIN is needed).")
      case .invalidArgument:
        return LinkError(
          .unknownNamespace, errno: errno,
          "The file is not a network namespace. Give a name of \"ip netns list\" or /proc/PID/ns/net.")
      default:
        return LinkError(failed: "cannot enter the network namespace", errno)
      }
    }

    private static func createError(_ name: String?, _ errno: Errno) -> LinkError {
      switch errno {
      case .fileExists:
        return LinkError(
          .namespaceExists, errno: errno,
          "The network namespace \(name ?? "") exists. "
            + "Choose another name, or remove it with \"ip netns delete\"."
        )
      case .notPermitted, .permissionDenied, .readOnlyFileSystem:
        return LinkError(
          .noPermission, errno: errno,
          "No permission to create a network namespace. "
            + "Run as root, or inside \"unshare --user --map-root-user --net\"."
        )
      case .invalidArgument, .noSpace:
        return LinkError(
          .unsupported, errno: errno,
          "The kernel refuses new network namespaces. See /proc/sys/user/max_net_namespaces.")
      default:
        return LinkError(failed: "cannot create a network namespace", errno)
      }
    }
  }
#endif
