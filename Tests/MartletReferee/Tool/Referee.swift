#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `Tools/referee`: plays scripts to the kernel and to Martlet, and says where they differ.
@main
struct Referee {
  static func main() {
    guard let request = RefereeRequest(CommandLine.arguments.dropFirst()) else {
      print("referee: \(RefereeRequest.usage)")
      exit(2)
    }
    #if os(Linux)
      do {
        var run = try RefereeRun(request)
        exit(try run.run() ? 0 : 1)
      } catch {
        print("referee: \(error)")
        exit(2)
      }
    #else
      print("referee: the referee is Linux: its TCP, TUN devices and network namespaces")
      exit(2)
    #endif
  }
}
