#if os(Linux)
  import CMartletSystem
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A program that runs inside a network namespace; it is ended (SIGKILL) with this value.
  public struct ChildProgram: ~Copyable, Sendable {
    public let pid: Int32

    /// The reading end of the program's standard output; at its end the program has closed it.
    public let output: FileDescriptor
    private var status: Int32?

    fileprivate init(pid: Int32, output: FileDescriptor) {
      self.pid = pid
      self.output = output
    }

    /// Waits for its end: the exit status, or 128 + the signal that ended it.
    public mutating func wait() -> Int32 {
      if let status { return status }
      var raw: Int32 = 0
      while waitpid(pid, &raw, 0) < 0 {
        if errno != EINTR { return -1 }
      }
      let signal = raw & 0x7f
      let result = signal == 0 ? raw >> 8 & 0xff : 128 + signal
      status = result
      return result
    }

    /// Sends a signal, unless the program is known to have ended.
    public func signal(_ number: Int32) {
      if status == nil { kill(pid, number) }
    }

    /// Reads all of the standard output that is still to come, up to `limit` octets.
    public func readOutput(limit: Int = 1 << 20) -> [UInt8] {
      var all: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 4096)
      while all.count < limit {
        let count = read(output.rawValue, &chunk, chunk.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { break }
        all.append(contentsOf: chunk[..<count])
      }
      return all
    }

    deinit {
      try? output.close()
      if status == nil {
        var raw: Int32 = 0
        kill(pid, SIGKILL)
        while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
      }
    }
  }

  extension NetworkNamespace {
    /// Starts a program inside: `arguments[0]` is looked up in the path. Its standard output
    /// comes back through a pipe, standard error is ours, standard input is empty.
    public func start(_ arguments: [String]) throws(LinkError) -> ChildProgram {
      guard let program = arguments.first else {
        throw LinkError(.badName, "No program to start. Give its name and arguments.")
      }
      var ends: [Int32] = [-1, -1]
      let piped = martlet_pipe(&ends)
      guard piped == 0 else { throw LinkError(failed: "cannot make a pipe", Errno(rawValue: -piped)) }
      let (reading, writing) = (ends[0], ends[1])
      defer { close(writing) }
      do throws(LinkError) {
        // The child inherits the namespace of the thread that starts it.
        let pid = try perform { () throws(LinkError) -> Int32 in
          try Self.spawn(program, arguments, output: writing)
        }
        return ChildProgram(pid: pid, output: FileDescriptor(rawValue: reading))
      } catch {
        close(reading)
        throw error
      }
    }

    private static func spawn(_ program: String, _ arguments: [String], output: Int32) throws(LinkError)
      -> Int32
    {
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
      posix_spawn_file_actions_init(&actions)
      posix_spawnattr_init(&attributes)
      defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
      }
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
      posix_spawn_file_actions_adddup2(&actions, output, 1)
      var none = sigset_t()  // our own threads block signals; the program must not
      sigemptyset(&none)
      posix_spawnattr_setsigmask(&attributes, &none)
      posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

      var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
      defer { for word in words { free(word) } }
      var pid: pid_t = 0
      let result = posix_spawnp(&pid, program, &actions, &attributes, &words, martlet_environment())
      guard result == 0 else {
        throw LinkError(failed: "cannot start \(program)", Errno(rawValue: result))
      }
      return pid
    }
  }
#endif
