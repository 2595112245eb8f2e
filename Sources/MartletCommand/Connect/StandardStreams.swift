#if os(Linux)
  import Martlet
  import MartletLinks

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Standard input and output on threads of their own: files, pipes and terminals of every kind
  /// may block there for as long as they like, while the loop goes on acknowledging.
  struct StandardStreams {
    let ends = StreamEnds()
    /// Nothing more arrives at `output`, and it has been written.
    private let writer: SystemThread

    /// Starts both; whenever one of them has done something the loop is woken.
    init(waking control: LoopControl) throws(LinkError) {
      signal(SIGPIPE, SIG_IGN)
      let (input, output) = (ends.input, ends.output)
      try SystemThread(name: "martlet-stdin") {
        Self.read(into: input, control)
      }.detach()
      writer = try SystemThread(name: "martlet-stdout") {
        Self.write(from: output, control)
      }
    }

    /// Waits until everything is written.
    func finish() {
      ends.output.end()
      writer.join()
    }

    private static func read(into input: Sluice, _ control: LoopControl) {
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      while true {
        let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { break }
        buffer.withUnsafeBytes { input.put(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
        control.wake()
      }
      input.end()
      control.wake()
    }

    private static func write(from output: Sluice, _ control: LoopControl) {
      while let octets = output.takeAll() {
        var done = 0
        while done < octets.count {
          let count = octets.withUnsafeBytes { bytes in
            Glibc.write(STDOUT_FILENO, bytes.baseAddress.map { $0 + done }, bytes.count - done)
          }
          if count < 0 && errno == EINTR { continue }
          guard count > 0 else {
            output.breakOff()
            return control.wake()
          }
          done += count
        }
        control.wake()
      }
    }
  }
#endif
