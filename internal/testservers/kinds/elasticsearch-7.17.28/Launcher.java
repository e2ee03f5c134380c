import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.Plugin;

/**
 * Runs one Elasticsearch node from the class path. An argument with an equals sign is a setting, any other one is the
 * class name of a plugin.
 */
public final class Launcher {
    private static final class ClasspathNode extends Node {
        ClasspathNode(Environment environment, Collection<Class<? extends Plugin>> plugins) {
            super(environment, plugins, true);
        }
    }

    public static void main(String[] args) throws Exception {
        Settings.Builder settings = Settings.builder();
        List<Class<? extends Plugin>> plugins = new ArrayList<>();
        for (String arg : args) {
            int equals = arg.indexOf('=');
            if (equals > 0) {
                settings.put(arg.substring(0, equals), arg.substring(equals + 1));
            } else {
                plugins.add(Class.forName(arg).asSubclass(Plugin.class));
            }
        }
        Map<String, String> none = new HashMap<>();
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(settings.build(), none, null, () -> "testserver");
        try {
            Node node = new ClasspathNode(environment, plugins).start();
            closeOnShutdown(node);
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
        new CountDownLatch(1).await();
    }

    private static void closeOnShutdown(Node node) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
    }
}
