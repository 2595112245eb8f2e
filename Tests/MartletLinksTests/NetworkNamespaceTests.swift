#if os(Linux)
  import MartletLinks
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Network namespaces", .needsTUN)
  struct NetworkNamespaceTests {
    @Test("A named one can be opened by its name, and is gone with its value")
    func named() throws {
      let name = "martlet-test-\(getpid())"
      do {
        let namespace = try NetworkNamespace.create(named: name)
        #expect(namespace.name == name)
        let again = try NetworkNamespace(opening: name)
        #expect(try inode(of: again) == inode(of: namespace))
        let byPath = try NetworkNamespace(opening: "/run/netns/" + name)
        #expect(try inode(of: byPath) == inode(of: namespace))
        let twice = #expect(throws: LinkError.self) { _ = try NetworkNamespace.create(named: name) }
        #expect(twice?.code == .namespaceExists)
      }
      #expect(access("/run/netns/" + name, F_OK) != 0)
      let error = #expect(throws: LinkError.self) { _ = try NetworkNamespace(opening: name) }
      #expect(error?.code == .unknownNamespace)
      #expect(error?.message.contains("ip netns add \(name)") == true)
    }

    @Test("Only the thread that does the work is inside")
    func otherThreadsStay() throws {
      let before = ownInode()
      let namespace = try NetworkNamespace.anonymous()
      let inside = try inode(of: namespace)
      #expect(inside != before)
      #expect(ownInode() == before)
    }

    @Test("Names that cannot be, and files that are no namespace")
    func badNames() {
      func code(_ name: String) -> LinkError.Code? {
        #expect(throws: LinkError.self) { _ = try NetworkNamespace(opening: name) }?.code
      }
      #expect(code("") == .badName)
      #expect(code("..") == .badName)
      #expect(code("martlet-no-such") == .unknownNamespace)
      #expect(code("/proc/0/ns/net") == .unknownNamespace)
      #expect(code(String(repeating: "x", count: 256)) == .nameTooLong)
      let wrong = #expect(throws: LinkError.self) {
        try NetworkNamespace(opening: "/dev/null").perform { () throws(LinkError) in }
      }
      #expect(wrong?.code == .unknownNamespace)
    }

    @Test("A program runs inside, and its output and status come back")
    func programs() throws {
      let namespace = try NetworkNamespace.anonymous()
      try namespace.bringLoopbackUp()
      var program = try namespace.start(["sh", "-c", "cat /proc/net/dev | grep -c :; exit 7"])
      #expect(String(decoding: program.readOutput(), as: UTF8.self) == "1\n")
      #expect(program.wait() == 7)
      var killed = try namespace.start(["sleep", "1000"])
      killed.signal(SIGTERM)
      #expect(killed.wait() == 128 + SIGTERM)
      #expect(throws: LinkError.self) { _ = try namespace.start(["no-such-program-anywhere"]) }
      #expect(throws: LinkError.self) { _ = try namespace.start([]) }
    }

    @Test("A user namespace is tried out without becoming one")
    func userNamespace() {
      let before = geteuid()
      _ = UserNamespace.isPermitted
      #expect(geteuid() == before)
      #expect(!UserNamespace.isInside)
    }

    private func ownInode() -> UInt64 {
      var info = stat()
      stat("/proc/thread-self/ns/net", &info)
      return UInt64(info.st_ino)
    }

    private func inode(of namespace: borrowing NetworkNamespace) throws -> UInt64 {
      try namespace.perform { () throws(LinkError) -> UInt64 in
        var info = stat()
        stat("/proc/thread-self/ns/net", &info)
        return UInt64(info.st_ino)
      }
    }
  }
#endif
