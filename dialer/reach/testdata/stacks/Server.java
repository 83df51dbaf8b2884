import java.io.FileInputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.*;

/** A TLS server of JSSE: port, key store, versions, what it wants. */
class Server {
    public static void main(String[] args) throws Exception {
        String low = args[2], high = args[3], wants = args[4];
        char[] password = "password".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(args[1]), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("NewSunX509");
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(Integer.parseInt(args[0]), 100, InetAddress.getByName("127.0.0.1"));
        SSLParameters parameters = listener.getSSLParameters();
        parameters.setProtocols(low.equals(high) ? new String[] {"TLSv" + low} : new String[] {"TLSv1.2", "TLSv1.3"});
        if (wants.equals("certificate")) parameters.setNeedClientAuth(true);
        if (wants.equals("name")) parameters.setSNIMatchers(List.of(SNIHostName.createSNIMatcher("other\\.test")));
        listener.setSSLParameters(parameters);
        while (true) {
            SSLSocket socket = (SSLSocket) listener.accept();
            new Thread(() -> {
                try (socket) {
                    socket.setSoTimeout(5000);
                    socket.getInputStream().read();
                } catch (Exception e) {
                    // The next one.
                }
            }).start();
        }
    }
}
