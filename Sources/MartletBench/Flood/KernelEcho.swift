import ArgumentParser

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if os(Linux)
  /// An echo service with the kernel's TCP, to compare with.
  struct KernelEcho: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "kernel-echo", abstract: "Echoes through the kernel's TCP until SIGTERM.")

    @Argument(help: "Port.") var port: UInt16
    @Argument(help: "What listen(2) is told.") var backlog: Int32

    func run() throws {
      signal(SIGPIPE, SIG_IGN)
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard bound == 0, listen(listener, backlog) == 0 else {
        throw BenchError("cannot listen at \(port): \(String(cString: strerror(errno)))")
      }
      var polled = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
      var octets = [UInt8](repeating: 0, count: 4_096)
      while true {
        poll(&polled, nfds_t(polled.count), -1)
        for i in polled.indices.dropFirst().reversed() where polled[i].revents != 0 {
          let count = read(polled[i].fd, &octets, octets.count)
          if count > 0 {
            _ = write(polled[i].fd, octets, count)
          } else if count == 0 || errno != EAGAIN {
            close(polled.remove(at: i).fd)
          }
        }
        while polled[0].revents != 0 {
          let fd = accept(listener, nil, nil)
          if fd < 0 { break }
          _ = fcntl(fd, F_SETFL, O_NONBLOCK)
          polled.append(pollfd(fd: fd, events: Int16(POLLIN), revents: 0))
        }
      }
    }
  }
#endif
